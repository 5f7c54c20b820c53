"""Proves on real sockets that the forwarder carries bytes both ways, streams, half-closes and resets.

Crossing network namespaces needs root and is proved by every call to a running node (tests/integration).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import socket
from collections.abc import AsyncGenerator

import pytest

from toolchain.node import forward

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each piece at once and ends when the client has ended."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"end")
    writer.write_eof()
    writer.close()


@contextlib.asynccontextmanager
async def forwarding(target_port: int) -> AsyncGenerator[int]:
    listener = forward.listen_in(None, 0)
    task = asyncio.create_task(forward.serve(listener, "127.0.0.1", target_port))
    try:
        yield listener.getsockname()[1]
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def echoing() -> AsyncGenerator[int]:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with server, forwarding(server.sockets[0].getsockname()[1]) as port:
        yield port


async def test_pieces_come_back_before_the_client_ends() -> None:
    async with echoing() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in (b"one", b"two"):
            writer.write(piece)
            assert await asyncio.wait_for(reader.readexactly(3), 5) == piece
        writer.write_eof()
        assert await asyncio.wait_for(reader.read(), 5) == b"end"
        writer.close()


async def test_many_connections_at_once_keep_their_bytes() -> None:
    async def one(port: int) -> bool:
        data = os.urandom(300_000)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)

        async def send() -> None:
            writer.write(data)
            await writer.drain()
            writer.write_eof()

        _, answer = await asyncio.gather(send(), reader.read())
        writer.close()
        return hashlib.sha256(answer).digest() == hashlib.sha256(data + b"end").digest()

    async with echoing() as port:
        assert all(await asyncio.wait_for(asyncio.gather(*(one(port) for _ in range(100))), 60))


async def test_a_slow_reader_slows_the_sender() -> None:
    sent = 0
    ended = asyncio.Event()

    async def flood(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        with contextlib.suppress(ConnectionError):
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
                sent += 65536
        writer.close()
        ended.set()

    server = await asyncio.start_server(flood, "127.0.0.1", 0)
    async with server, forwarding(server.sockets[0].getsockname()[1]) as port:
        client = socket.create_connection(("127.0.0.1", port))
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.3)
        assert sent < 64 << 20
        client.close()
        # The end reaches the sender, too: nothing keeps half of a dead connection open.
        await asyncio.wait_for(ended.wait(), 10)


async def test_nobody_behind_resets() -> None:
    async with forwarding(forward_nobody()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.readexactly(1), 5)
        writer.close()


def forward_nobody() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_a_taken_port_is_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        forward.listen_in(None, taken.getsockname()[1])
