"""One stack for all tests here: two replicas, a store, and monitoring of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.drill.bed import SETTINGS, Drill
from tests.drill.deploy import hurry, watched
from tests.integration.chat import SMOLLM2, server, store
from tests.integration.mirror import Mirror

_ORDER = ("test_stack", "test_drill")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First whether it stands, then what happens when it is pushed."""
    folder = Path(__file__).parent
    items.sort(key=lambda item: _ORDER.index(item.path.stem) if item.path.parent == folder else -1)


@pytest.fixture(scope="session")
def drill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drill]:
    def settings(mirror: Mirror) -> dict[str, Any]:
        return {
            "servers": [server(2, [SMOLLM2])],
            "modelStore": store(mirror),
            "monitoring": SETTINGS,
            "echo": {"enabled": True, "replicas": 1},
        }

    with watched(tmp_path_factory, settings) as made:
        yield made


@pytest.fixture(scope="session")
def hurrying(drill: Drill) -> Drill:
    """The same stack with alerts that wait less."""
    hurry(drill)
    return drill
