"""A real Ollama, a real registry behind a proxy that misbehaves, a double of the API server, and an agent."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ollama.document import WantedEntry
from tests.replica_agent.api_server import ApiServer
from tests.replica_agent.harness import Agent, entry, listing
from tests.support.faulty_proxy import FaultyProxy
from tests.support.ollama_process import OllamaProcess, find_ollama
from tests.support.registry import Registry, find_registry
from tests.support.tiny_model import PushedModel, push_tiny


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(find_registry(), tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def models(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> list[PushedModel]:
    """Return three tiny models in the registry: library/tiny:1 to 3."""
    with OllamaProcess(find_ollama(), tmp_path_factory.mktemp("builder")) as builder:
        return [push_tiny(builder.url, registry.host, f"library/tiny:{seed}", seed) for seed in (1, 2, 3)]


@pytest.fixture(scope="session")
def running_proxy(registry: Registry) -> Iterator[FaultyProxy]:
    with FaultyProxy(registry.host) as running:
        yield running


@pytest.fixture
def proxy(running_proxy: FaultyProxy) -> FaultyProxy:
    running_proxy.reset()
    return running_proxy


@pytest.fixture
def api() -> Iterator[ApiServer]:
    with ApiServer() as running:
        yield running


class Ollama(OllamaProcess):
    """An Ollama whose process group can be stopped for a while."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


@pytest.fixture
def ollama(tmp_path: Path) -> Iterator[Ollama]:
    home = tmp_path / "ollama"
    home.mkdir()
    server = Ollama(find_ollama(), home)
    server.start()
    yield server
    server.stop(signal.SIGKILL)


@dataclass
class Rig:
    """One replica: an Ollama, what it pulls from, the API server, and a way to start agents."""

    ollama: Ollama
    proxy: FaultyProxy
    api: ApiServer
    models: list[PushedModel]
    start: Callable[..., Agent]

    def entry(self, seed: int, name: str | None = None, **more: object) -> WantedEntry:
        """Return the wish for the tiny model of a seed, under `tiny:<seed>` or another name."""
        name = name if name is not None else f"tiny:{seed}"
        return entry(self.models[seed - 1], self.proxy.host, name, **more)

    def want(self, *seeds: int) -> None:
        """Publish the list of the tiny models with these seeds."""
        self.api.publish(listing(*(self.entry(seed) for seed in seeds)))


@pytest.fixture
def rig(tmp_path: Path, ollama: Ollama, proxy: FaultyProxy, api: ApiServer, models: list[PushedModel]) -> Iterator[Rig]:
    started: list[Agent] = []
    numbers = itertools.count()

    def start(folder: str | None = None, *, with_api: bool = True, **settings: object) -> Agent:
        name = folder if folder is not None else f"agent-{next(numbers)}"
        agent = Agent(tmp_path / name, ollama.url, api if with_api else None, **settings)
        started.append(agent)
        agent.start(60)
        return agent

    yield Rig(ollama, proxy, api, models, start)
    for agent in started:
        agent.stop(signal.SIGKILL)
