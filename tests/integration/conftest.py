"""One node for all tests here, and one stack for those that only look at it or mend what they break.

Of this package, not of the session: tests/node restarts the node on another port, which no client from here survives.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.chat import ChatStack
from tests.integration.mirror import Mirror
from tests.support import prepared
from tests.support.kube import Kube
from tests.support.second import Second
from tests.support.stack import Engine, LiveStack, made_stacks
from toolchain.node.node import Node

# The shared stack goes through the first ones and is destroyed by the last.
_ORDER = (
    "test_models",
    "test_agent",
    "test_network",
    "test_reach",
    "test_faults",
    "test_full_disk",
    "test_adopted",
    "test_echo",
    "test_bad_settings",
    "test_shared_volume",
    "test_volume_growth",
    "test_cluster_api",
    "test_clusters",
    "test_prod",
    "test_package",
    "test_cli",
    "test_destroy",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of this folder in their order; all others stay where they are, before them."""
    folder = Path(__file__).parent

    def place(item: pytest.Item) -> int:
        if item.path.parent != folder:
            return -1
        return _ORDER.index(item.path.stem) if item.path.stem in _ORDER else 0

    items.sort(key=place)


@pytest.fixture(scope="package")
def node() -> Node:
    return prepared.node()


@pytest.fixture(scope="package")
def engine() -> Engine:
    return prepared.engine()


@pytest.fixture(scope="package")
def kube(engine: Engine) -> Iterator[Kube]:
    with Kube(engine.kubeconfig) as client:
        yield client


@pytest.fixture(scope="package")
def run_name() -> str:
    """Begins every name that these tests give: `it-` and six hex digits that no other run has."""
    return f"it-{secrets.token_hex(3)}"


@pytest.fixture(scope="package")
def mirror(kube: Kube, run_name: str) -> Iterator[Mirror]:
    with Mirror(kube, f"mirror-{run_name}") as made:
        yield made


@pytest.fixture(scope="package")
def make_stack(
    engine: Engine, run_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], LiveStack]]:
    """Make a stack called `<run>-<suffix>`; all are destroyed at the end, whatever happened."""
    with made_stacks(LiveStack, engine, run_name, tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="package")
def second(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Second]:
    """Ended by the last test that uses it, or here."""
    made = Second(tmp_path_factory.mktemp("second"))
    try:
        made.up()
        yield made
    finally:
        made.down()


@pytest.fixture(scope="package")
def far(second: Second) -> Iterator[Kube]:
    with Kube(second.kubeconfig) as client:
        yield client


@pytest.fixture(scope="package")
def make_wide_stack(
    engine: Engine, second: Second, run_name: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], LiveStack]]:
    """Make a stack of a kubeconfig that has the node's context and that of the second control plane."""
    both: dict[str, Any] = yaml.safe_load(engine.kubeconfig.read_text())
    other: dict[str, Any] = yaml.safe_load(second.kubeconfig.read_text())
    for key in ("clusters", "contexts", "users"):
        both[key] += other[key]
    kubeconfig = tmp_path_factory.mktemp("wide") / "both"
    kubeconfig.touch(0o600)
    kubeconfig.write_text(yaml.safe_dump(both))
    wide = Engine(engine.folder, engine.home, kubeconfig)
    with made_stacks(LiveStack, wide, run_name, tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="package")
def chat(kube: Kube, mirror: Mirror, make_stack: Callable[[str], LiveStack]) -> ChatStack:
    """The shared stack; a test says by `settle` what it begins with."""
    return ChatStack(make_stack("a"), kube, mirror)
