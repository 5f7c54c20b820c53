"""A TCP relay that keeps every byte: between a gate and its Ollama it shows what the one sent and the other got."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import h11


@dataclass
class Wire:
    """One connection: what went up, what came down, and whether the gate's side closed it."""

    up: bytearray = field(default_factory=bytearray)
    down: bytearray = field(default_factory=bytearray)
    closed: bool = False


@dataclass(frozen=True)
class Seen:
    """One request and its answer as they were on the wire, bodies without their framing."""

    method: bytes
    target: bytes
    headers: list[tuple[bytes, bytes]]
    asked: bytes
    status: int
    answer_headers: list[tuple[bytes, bytes]]
    answered: bytes


class Tap:
    """The relay, in a thread.

    Attributes:
        url: base URL to ask instead of the server's.
        wires: connections since the last `reset` that carried something.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="tap", daemon=True)
        self._open: list[asyncio.StreamWriter] = []
        self._all: list[Wire] = []
        self.url = ""

    @property
    def wires(self) -> list[Wire]:
        return [wire for wire in self._all if wire.up]

    def reset(self) -> None:
        """Forget what went by."""
        for wire in self._all:
            wire.up.clear()
            wire.down.clear()

    def cut(self) -> None:
        """Close every connection."""

        def close() -> None:
            for writer in self._open:
                writer.transport.abort()

        self._loop.call_soon_threadsafe(close)

    def refuse(self) -> None:
        """Take no further connections."""
        self._loop.call_soon_threadsafe(self._server.close)

    def only(self) -> Seen:
        """Return the one request since the last `reset` that was no look at the version."""
        (wire,) = [wire for wire in self.wires if not wire.up.startswith(b"GET /api/version HTTP/1.1\r\nHost")]
        return parse(bytes(wire.up), bytes(wire.down))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire()
        self._all.append(wire)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open += [writer, up_writer]

        async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, into: bytearray) -> None:
            try:
                while data := await source.read(65536):
                    into += data
                    sink.write(data)
                    await sink.drain()
            except OSError:
                return
            finally:
                wire.closed = wire.closed or into is wire.up
                sink.close()

        await asyncio.gather(copy(reader, up_writer, wire.up), copy(up_reader, writer, wire.down))

    def __enter__(self) -> Self:
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = server.result(10)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        self._server.close()
        for writer in self._open:
            writer.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)


def parse(up: bytes, down: bytes) -> Seen:
    """Read one request and its whole answer from the bytes of a connection."""
    server, client = h11.Connection(h11.SERVER), h11.Connection(h11.CLIENT)
    server.receive_data(up)
    request, asked = _read(server)
    assert isinstance(request, h11.Request)
    client.send(h11.Request(method=request.method, target=b"/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    client.receive_data(down)
    answer, answered = _read(client)
    assert isinstance(answer, h11.Response)
    headers, answer_headers = list(request.headers.raw_items()), list(answer.headers.raw_items())
    return Seen(request.method, request.target, headers, asked, answer.status_code, answer_headers, answered)


def _read(connection: h11.Connection) -> tuple[h11.Event, bytes]:
    head: h11.Event | None = None
    body = b""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage):
            assert head is not None
            return head, body
        elif isinstance(event, (h11.Request, h11.Response)):
            head = event
        else:
            msg = f"the message is not whole: {event!r}"
            raise TypeError(msg)
