"""The cluster, the registry that breaks, the stack on it, and the table at the end."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.faults.bed import Bed
from tests.faults.deploys import FaultStack
from tests.faults.registry import FaultRegistry
from tests.faults.table import Table
from tests.integration.test_destroy import leftovers
from tests.support import prepared
from tests.support.kube import Kube, wait_for
from tests.support.stack import Engine, made_stacks
from toolchain.node.node import Node

TIMES = "ECHORATOR_FAULT_TIMES"
_ORDER = (
    "test_kills",
    "test_registry",
    "test_models",
    "test_deploys",
    "test_rolling",
    "test_echo",
    "test_echo_rolling",
    "test_second_stack",
    "test_end",
)
_TABLE = pytest.StashKey[Table]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Say how often each case is tried."""
    told = f"how often each case is tried (default: ${TIMES}, or 1)"
    parser.addoption("--times", type=int, default=int(os.environ.get(TIMES, "1")), help=told)


def pytest_configure(config: pytest.Config) -> None:
    """Begin the table."""
    config.stash[_TABLE] = Table()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try a case that takes `nth` as often as was asked for."""
    if "nth" in metafunc.fixturenames:
        metafunc.parametrize("nth", range(cast("int", metafunc.config.getoption("--times"))))


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files in their order: the last ones take the stack down."""
    folder = Path(__file__).parent
    items.sort(key=lambda item: _ORDER.index(item.path.stem) if item.path.parent == folder else -1)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    for line in config.stash[_TABLE].lines():
        terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def table(pytestconfig: pytest.Config) -> Table:
    return pytestconfig.stash[_TABLE]


@pytest.fixture(scope="session")
def node() -> Node:
    return prepared.node()


@pytest.fixture(scope="session")
def engine() -> Engine:
    return prepared.engine()


@pytest.fixture(scope="session")
def kube(engine: Engine) -> Iterator[Kube]:
    with Kube(engine.kubeconfig) as client:
        yield client


@pytest.fixture(scope="session")
def run_name() -> str:
    """Begins every name that these tests give: `fl-` and six hex digits that no other run has."""
    return f"fl-{secrets.token_hex(3)}"


@pytest.fixture(scope="session")
def registry(kube: Kube, run_name: str) -> Iterator[FaultRegistry]:
    with FaultRegistry(kube, f"registry-{run_name}") as made:
        yield made


@pytest.fixture(scope="session")
def make_stack(
    engine: Engine, kube: Kube, node: Node, run_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], FaultStack]]:
    """Make a stack called `<run>-<suffix>`; at the end all are destroyed, and nothing of them may be left."""
    with made_stacks(FaultStack, engine, run_name, tmp_path_factory) as make:
        yield make
    volumes = node.layout.state / "volumes"
    wait_for("nothing of the run is left", lambda: not leftovers(kube, run_name), 60)
    wait_for("no disk is left", lambda: not [one for one in volumes.iterdir() if f"_{run_name}-" in one.name], 30)


@pytest.fixture(scope="session")
def bed(kube: Kube, registry: FaultRegistry, make_stack: Callable[[str], FaultStack], table: Table) -> Bed:
    return Bed(kube, make_stack("a"), registry, table)
