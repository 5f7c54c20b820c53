"""A service with a memory on a real PostgreSQL, in front of a real Ollama whose requests are seen."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from echo.auth.keys import digest
from tests.echo.harness import Echo, new_key
from tests.replica_agent.harness import until
from tests.replica_agent.tap import Tap
from tests.support.ollama_process import OllamaProcess

MODEL, WIDTH = "talker:1", 64
"""A tiny llama with random weights: it chats noise and gives vectors that say nothing, so that words alone find."""

SHORT = {"num_predict": 4}


@dataclass(frozen=True)
class Person:
    """Somebody with a key."""

    key: str
    home: str


@dataclass
class Remembering:
    """The service and who uses it.

    Attributes:
        ann, bob: each has a space of their own; ann a second one, `shed`; both may use `hall`.
        stranger: has a key and no space.
    """

    echo: Echo
    tap: Tap
    ann: Person
    bob: Person
    stranger: Person

    def client(self, person: Person, space: str | None = None) -> httpx.Client:
        """Return a client with a person's key, and a space in its header."""
        found = self.echo.client(key=person.key)
        if space is not None:
            found.headers["x-echo-space"] = space
        return found

    def remember(self, person: Person, content: str, **more: Any) -> str:
        """Store a memory in a person's own space; return its id."""
        with self.client(person, person.home) as http:
            made = http.post("/echo/memories", json={"content": content, **more})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    def asked(self, path: str) -> list[dict[str, Any]]:
        """Return what Ollama was asked on a path since the last reset of the tap."""
        found: list[dict[str, Any]] = []
        for wire in self.tap.wires:
            found += [json.loads(body) for target, body in requests_in(bytes(wire.up)) if target == path]
        return found


def requests_in(up: bytes) -> list[tuple[str, bytes]]:
    """Split what a client sent on one connection; every body has its length."""
    found: list[tuple[str, bytes]] = []
    while b"\r\n\r\n" in up:
        head, _, rest = up.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        found.append((lines[0].split(" ")[1], rest[:length]))
        up = rest[length:]
    return found


def said(name: str, person: Person, *more: str) -> dict[str, object]:
    return {
        "name": name,
        "sha256": digest(person.key),
        "spaces": [person.home, *more] if person.home else [],
        "requestsPerMinute": 1e9,
        "concurrent": 1_000,
    }


@contextmanager
def remembering(
    folder: Path, ollama: OllamaProcess, url_file: Path, *, env: Mapping[str, str] | None = None, **memory: Any
) -> Generator[Remembering]:
    """Start a service with a memory; `memory` are further settings of its section."""
    port = urlsplit(ollama.url).port
    assert port is not None
    ann, bob, stranger = Person(new_key(), "ann"), Person(new_key(), "bob"), Person(new_key(), "")
    section = {"databaseUrlFile": str(url_file), "embedder": {"model": MODEL, "width": WIDTH}, "cognition": False}
    section |= {"recall": {"seconds": 60}, **memory}
    with Tap(port) as tap:
        servers = [{"name": "chat", "url": tap.url, "slots": 4}]
        keys = [said("ann", ann, "shed", "hall"), said("bob", bob, "hall"), said("stranger", stranger)]
        echo = Echo(folder, servers, env=env, keys=keys, memory=section)
        try:
            echo.start(90)
            yield Remembering(echo, tap, ann, bob, stranger)
        finally:
            echo.stop()


def is_open(one: Remembering) -> Callable[[], bool]:
    """Return whether the service has its store."""
    return lambda: one.echo.metric("memory_up") == 1


def wait_open(one: Remembering) -> None:
    until(is_open(one), 90)
