"""Fixtures of the tests with a real Ollama: a server, a registry with tiny models, a proxy that misbehaves."""

from __future__ import annotations

import itertools
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from ollama import OllamaClient, PullEvent, PullPolicy, WantedModel
from tests.support.faulty_proxy import FaultyProxy
from tests.support.ollama_process import OllamaProcess, find_ollama
from tests.support.registry import Registry, find_registry
from tests.support.tiny_model import PushedModel, push_tiny

QUICK = PullPolicy(no_progress_s=3, deadline_s=40, attempts=3, backoff_base_s=0.05, backoff_max_s=0.5)

Push = Callable[[str, int], PushedModel]


@dataclass
class Rig:
    """One fresh Ollama server that pulls from the registry through the proxy."""

    server: OllamaProcess
    proxy: FaultyProxy
    client: OllamaClient
    events: list[PullEvent] = field(default_factory=list[PullEvent])

    def wanted(self, model: PushedModel, name: str = "tiny:1", *, pinned: bool = True) -> WantedModel:
        """Return the wish for a model under a local name."""
        source = f"{self.proxy.host}/{model.repository}"
        digest = model.digest if pinned else None
        return WantedModel(name=name, source=source, digest=digest, insecure=True)

    async def names(self) -> list[str]:
        """Return what the server lists, sorted."""
        return sorted(listed.name for listed in await self.client.tags())


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def ollama_binary() -> Path:
    return find_ollama()


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry(find_registry(), tmp_path_factory.mktemp("registry")) as running:
        yield running


@pytest.fixture(scope="session")
def push(ollama_binary: Path, registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Push]:
    """Return a function that puts the tiny model of a seed into the registry under `repository:tag`."""
    with OllamaProcess(ollama_binary, tmp_path_factory.mktemp("builder")) as builder:
        yield lambda repository, seed: push_tiny(builder.url, registry.host, repository, seed)


@pytest.fixture(scope="session")
def one(push: Push) -> PushedModel:
    return push("library/tiny:1", 1)


@pytest.fixture(scope="session")
def two(push: Push) -> PushedModel:
    return push("library/tiny:2", 2)


@pytest.fixture(scope="session")
def running_proxy(registry: Registry) -> Iterator[FaultyProxy]:
    with FaultyProxy(registry.host) as running:
        yield running


@pytest.fixture
def proxy(running_proxy: FaultyProxy) -> FaultyProxy:
    running_proxy.reset()
    return running_proxy


@pytest.fixture
def start_ollama(ollama_binary: Path, tmp_path: Path) -> Iterator[Callable[..., OllamaProcess]]:
    """Return a function that starts a fresh server; all are ended with the test."""
    started: list[OllamaProcess] = []
    numbers = itertools.count()

    def start(*, tmpfs_bytes: int | None = None, env: Mapping[str, str] | None = None) -> OllamaProcess:
        home = tmp_path / f"ollama-{next(numbers)}"
        home.mkdir()
        server = OllamaProcess(ollama_binary, home, tmpfs_bytes=tmpfs_bytes, env=env)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.stop(signal.SIGKILL)


@pytest.fixture
async def rig(start_ollama: Callable[..., OllamaProcess], proxy: FaultyProxy) -> AsyncIterator[Rig]:
    server = start_ollama()
    async with httpx.AsyncClient(base_url=server.url, trust_env=False) as http:
        yield Rig(server, proxy, OllamaClient(http, "chat-0"))
