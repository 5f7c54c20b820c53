"""One stack for all tests here: a mind with a database that is backed up, and monitoring of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cli.memory.place import Store
from tests.drill.bed import SETTINGS, Drill
from tests.drill.deploy import hurry, watched
from tests.integration.chat import MINILM, SMOLLM2, server, store
from tests.integration.mirror import Mirror
from tests.memory_store.conftest import settings as with_memory
from tests.support import prepared
from tests.support.memory_place import opened

SPACE = "home"


@pytest.fixture(scope="module")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    def settings(mirror: Mirror) -> dict[str, Any]:
        return {
            "servers": [server(1, [SMOLLM2, MINILM])],
            "modelStore": store(mirror),
            "memory": with_memory()["memory"],
            "echo": {
                "enabled": True,
                "replicas": 1,
                "keys": [{"name": "default", "roles": ["user"], "spaces": [SPACE], "space": SPACE}],
                "memory": {"embedder": {"model": MINILM, "width": 384}},
            },
            "monitoring": SETTINGS,
        }

    with watched(tmp_path_factory, settings) as made:
        yield made


@pytest.fixture(scope="module")
def hurrying(drill: Drill) -> Drill:
    """The same stack with alerts that wait less."""
    hurry(drill)
    return drill


@pytest.fixture(scope="module")
def place(drill: Drill) -> Iterator[Store]:
    with opened(drill.stack, prepared.engine()) as made:
        yield made
