"""Two real Ollamas with tiny models, and echo services in front of them."""

from __future__ import annotations

import itertools
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.echo.harness import Echo
from tests.echo.provider import Provider
from tests.echo.remembering import Remembering, remembering, wait_open
from tests.replica_agent.harness import create_talker
from tests.support.ollama_process import OllamaProcess, find_ollama
from tests.support.postgres import SERVICE, Postgres, find_wheel
from tests.support.tiny_model import create_tiny


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


class Ollama(OllamaProcess):
    """An Ollama whose end can be sudden."""

    def kill(self) -> None:
        self.stop(signal.SIGKILL)


def started(folder: Path) -> Ollama:
    folder.mkdir()
    server = Ollama(find_ollama(), folder, env={"OLLAMA_NUM_PARALLEL": "1", "OLLAMA_KEEP_ALIVE": "-1"})
    server.start(60)
    return server


@pytest.fixture(scope="session")
def ollama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ollama]:
    """Return one that all tests share: `tiny:1`, `talker:1` and, with another spelling in its tag, `tiny:two`."""
    server = started(tmp_path_factory.mktemp("ollama") / "home")
    create_tiny(server.url, "tiny:1")
    create_tiny(server.url, "tiny:two", 2)
    create_talker(server.url)
    yield server
    server.kill()


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """Return an OpenID Connect provider of the module's own."""
    found = Provider()
    yield found
    found.end()


@dataclass
class Start:
    """Starts services; all are ended with the test."""

    folder: Path
    running: list[Echo]
    numbers: Iterator[int]

    def __call__(self, *servers: dict[str, object], **settings: Any) -> Echo:
        echo = Echo(self.folder / f"echo-{next(self.numbers)}", servers, **settings)
        self.running.append(echo)
        echo.start(90)
        return echo


@pytest.fixture
def start_echo(tmp_path: Path) -> Iterator[Start]:
    start = Start(tmp_path, [], itertools.count())
    yield start
    for echo in start.running:
        echo.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def echo(ollama: Ollama, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Echo]:
    """Return one service that all tests share, in front of the shared Ollama."""
    running = Echo(tmp_path_factory.mktemp("echo"), [{"name": "chat", "url": ollama.url}])
    try:
        running.start(90)
        yield running
    finally:
        running.stop()


@pytest.fixture
def start_ollama(tmp_path: Path) -> Iterator[Callable[[], Ollama]]:
    """Return a function that starts an Ollama of the test's own, with the talker."""
    running: list[Ollama] = []

    def start() -> Ollama:
        server = started(tmp_path / f"ollama-{len(running)}")
        running.append(server)
        create_talker(server.url)
        return server

    yield start
    for server in running:
        server.kill()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres(find_wheel()) as running:
        yield running


@pytest.fixture(scope="session")
def home(ollama: Ollama, postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Remembering]:
    """Return one service with a memory that all tests share; each uses words of its own."""
    folder = tmp_path_factory.mktemp("remembering")
    file = folder / "url"
    file.write_text(postgres.url(postgres.create(), SERVICE))
    with remembering(folder / "echo", ollama, file) as running:
        wait_open(running)
        yield running
