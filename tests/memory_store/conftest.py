"""The cluster, stacks on it, and a table of faults at the end. `make drill` brings what the store needs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.faults.table import Table
from tests.support import prepared
from tests.support.kube import Kube
from tests.support.stack import Engine, LiveStack, made_stacks


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
