"""The echo service under clients that misbehave: 10,000 idle WebSockets, and readers that do not read.

In front of a fake Ollama, on loopback. Each connection of this process is one file, of the service too.
"""

from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.echo.harness import Echo
from tests.replica_agent.harness import until
from tests.support.running_fake import FakeOllama, before, load, peak_mb

SOCKETS = 10_000
MOST_MB = 400
"""Of the service with all of them open."""


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeOllama]:
    with FakeOllama(tmp_path) as running:
        yield running


async def _opened(echo: Echo, count: int) -> list[asyncio.StreamWriter]:
    """Open WebSockets by hand: a library's own memory for 10,000 of them would be what is measured."""
    parts = urlsplit(echo.main)
    gate = asyncio.Semaphore(200)
    head = (
        f"GET /ws HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {echo.key}\r\nconnection: Upgrade\r\n"
        "upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ).encode()

    async def one() -> asyncio.StreamWriter:
        async with gate:
            reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=4096)
            writer.write(head)
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101"), "refused"
            return writer

    return await asyncio.gather(*(one() for _ in range(count)))


@pytest.mark.timeout(300)
def test_ten_thousand_idle_websockets(fake: FakeOllama, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    assert hard > SOCKETS + 500, "this machine allows too few open files"
    try:
        with before(fake, tmp_path) as echo:

            async def hold() -> dict[str, object]:
                writers = await _opened(echo, SOCKETS)
                try:
                    assert await asyncio.to_thread(echo.metric, "websockets") == SOCKETS
                    # Others are served meanwhile.
                    return await asyncio.to_thread(load, echo.main, echo.key, streams=20, events=20, every_s=0.05)
                finally:
                    for writer in writers:
                        writer.transport.abort()

            served = asyncio.run(hold())
            memory = peak_mb(echo.pid)
            print(json.dumps({"memory_mb": memory, "served": served}))
            assert served["whole"] == 20
            assert memory < MOST_MB
            until(lambda: echo.metric("websockets") == 0, 60)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(120)
def test_readers_that_do_not_read_are_cut_off_and_cost_little(fake: FakeOllama, tmp_path: Path) -> None:
    with before(fake, tmp_path, limits={"clientStallSeconds": 2}) as echo:

        async def hold() -> None:
            body = {"model": "fake:1", "prompt": json.dumps({"events": 1_000_000, "size": 1000})}
            text = json.dumps(body).encode()
            head = f"POST /api/generate HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {echo.key}\r\n"
            writers: list[asyncio.StreamWriter] = []
            for _ in range(50):
                parts = urlsplit(echo.main)
                _, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1024)
                writer.write(f"{head}content-length: {len(text)}\r\n\r\n".encode() + text)
                writers.append(writer)
            await asyncio.to_thread(until, lambda: echo.metric("request_errors_total", reason="stalled") == 50, 60)
            for writer in writers:
                writer.transport.abort()

        asyncio.run(hold())
        assert echo.metric("requests_in_flight") == 0
        assert peak_mb(echo.pid) < 300
