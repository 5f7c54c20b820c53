"""The cluster, one stack with a memory store for all tests here, and a table of faults at the end.

`make drill` brings what the store needs.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.memory.place import Store
from components.memory import names
from tests.faults.table import Table
from tests.support import prepared
from tests.support.kube import Kube
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.memory_place import opened
from tests.support.memory_service import MemoryService, memory_service
from tests.support.stack import Engine, LiveStack, made_stacks

_ORDER = (
    "test_memory_store",
    "test_kills",
    "test_faults",
    "test_restores",
    "test_bucket",
    "test_instances",
    "test_full_disk",
)
SMALL = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First whether it stands, then what happens when it is pushed, then what takes the stack's place."""
    folder = Path(__file__).parent
    items.sort(key=lambda item: _ORDER.index(item.path.stem) if item.path.parent == folder else -1)


def settings(**memory: Any) -> dict[str, Any]:
    """Of a stack with a small store."""
    return {
        "environment": "dev",
        "modelStore": {"enabled": False},
        # For the room that it is given beside the models, where a service signs in.
        "echo": {"enabled": True, "replicas": 1},
        "memory": {
            "enabled": True,
            "storage": "1Gi",
            "resources": SMALL,
            "redis": {"memory": "32Mi"},
            "backups": {"enabled": True, "storage": "2Gi"},
            **memory,
        },
        "servers": [],
    }


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    made = Table()
    yield made
    print("\n" + "\n".join(made.lines()))


@pytest.fixture(scope="session")
def engine() -> Engine:
    return prepared.engine()


@pytest.fixture(scope="session")
def kube(engine: Engine) -> Iterator[Kube]:
    with Kube(engine.kubeconfig) as client:
        yield client


@pytest.fixture(scope="session")
def run_name() -> str:
    """Begins every name that these tests give: `ms-` and six hex digits that no other run has."""
    return f"ms-{secrets.token_hex(3)}"


@pytest.fixture(scope="session")
def make_stack(
    engine: Engine, run_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], LiveStack]]:
    """Make a stack called `<run>-<suffix>`; all are destroyed at the end, whatever happened."""
    with made_stacks(LiveStack, engine, run_name, tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="session")
def stack(make_stack: Callable[[str], LiveStack]) -> LiveStack:
    """With one database, Redis, and backups on a volume."""
    made = make_stack("mem")
    made.configure(settings())
    made.up()
    return made


@pytest.fixture(scope="session")
def client(stack: LiveStack, kube: Kube, engine: Engine) -> Iterator[MemoryClient]:
    """A pod that signs in by psql."""
    with memory_client(kube, engine.kubeconfig, names.namespace(stack.name)) as made:
        yield made


@pytest.fixture(scope="session")
def service(stack: LiveStack, kube: Kube, engine: Engine) -> Iterator[MemoryService]:
    """A pod beside the models that signs in as the echo service does."""
    with memory_service(kube, engine.kubeconfig, stack.namespace) as made:
        yield made


@pytest.fixture(scope="session")
def store(stack: LiveStack, engine: Engine) -> Iterator[Store]:
    with opened(stack, engine) as made:
        yield made
