"""One registry for all tests here; a counting proxy and a store for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.model_store.harness import Store
from tests.support.faulty_proxy import FaultyProxy
from tests.support.registry import Registry, find_registry

MakeStore = Callable[..., Store]


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(find_registry(), tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture
def proxy(registry: Registry) -> Iterator[FaultyProxy]:
    with FaultyProxy(registry.host) as running:
        yield running


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[MakeStore]:
    """Start stores that end with the test; the same `name` is the same volume."""
    with ExitStack() as stack:

        def make(*endpoints: str, name: str = "store", **settings: object) -> Store:
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            tmpfs = settings.pop("tmpfs_bytes", None)
            store = Store(folder, endpoints, tmpfs_bytes=tmpfs if isinstance(tmpfs, int) else None, **settings)
            return stack.enter_context(store)

        yield make


@pytest.fixture
def store(proxy: FaultyProxy, make_store: MakeStore) -> Store:
    return make_store(f"http://{proxy.host}")
