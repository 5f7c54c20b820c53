"""The way of an answer's bytes to the client, and how it is told what went wrong."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus

from starlette.types import Scope, Send

from replica_agent.headers import Headers
from replica_agent.observe import Exchange
from replica_agent.paths import Dialect, Refusal, error_body

__all__ = ["Outlet", "StalledError", "in_band"]

_NDJSON = "application/x-ndjson"
_SSE = "text/event-stream"


class StalledError(Exception):
    """The client takes nothing any more."""


class Outlet:
    """What one client gets.

    Attributes:
        began: the status is out, so that no other answer can be given.
    """

    def __init__(self, scope: Scope, send: Send, exchange: Exchange, request_id: str, stall_s: float) -> None:
        self._head = scope["method"] == "HEAD"
        self._send = send
        self._exchange = exchange
        self._id = request_id
        self._stall_s = stall_s
        self._last = b"\n"
        self._kind = ""
        self.began = False

    async def begin(self, status: int, headers: Headers, content_type: str, *, close: bool = False) -> None:
        """Send status and headers."""
        self.began = True
        self._kind = content_type
        self._exchange.answer_begins(status, content_type)
        more: Headers = [(b"x-request-id", self._id.encode())]
        if close:
            more.append((b"connection", b"close"))
        await self._send({"type": "http.response.start", "status": status, "headers": [*headers, *more]})

    async def piece(self, piece: bytes) -> None:
        """Send a part of the body.

        Raises:
            StalledError: The client has taken nothing for too long.
        """
        self._exchange.take(piece)
        self._last = piece[-1:]
        message = {"type": "http.response.body", "body": b"" if self._head else piece, "more_body": True}
        try:
            async with asyncio.timeout(self._stall_s):
                await self._send(message)
        except TimeoutError as error:
            raise StalledError from error

    async def end(self) -> None:
        """Say that the body is whole."""
        self._exchange.complete = True
        await self._send({"type": "http.response.body", "body": b""})

    async def refuse(self, refusal: Refusal, dialect: Dialect, retry_after: int | None, *, close: bool) -> None:
        """Answer with an error, in the form that the client reads."""
        self._exchange.fail(refusal.code)
        body = error_body(dialect, refusal.status, refusal.code, refusal.message)
        headers: Headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if retry_after is not None:
            headers.append((b"retry-after", str(retry_after).encode()))
        if refusal.status == HTTPStatus.UNAUTHORIZED:
            headers.append((b"www-authenticate", b'Bearer realm="echo"'))
        await self.begin(refusal.status, headers, "application/json", close=close)
        self._exchange.complete = True
        await self._send({"type": "http.response.body", "body": b"" if self._head else body})

    async def break_off(self, refusal: Refusal, dialect: Dialect) -> bool:
        """Tell within a stream that it ends early; False where that cannot be told, so that only a cut is left."""
        told = in_band(self._kind, dialect, refusal)
        if told is None:
            return False
        await self.piece((b"" if self._last == b"\n" else b"\n") + told)
        await self.end()
        return True


def in_band(content_type: str, dialect: Dialect, refusal: Refusal) -> bytes | None:
    """Return an error as an event of a stream; None where the answer is no stream."""
    if content_type.startswith(_NDJSON):
        return json.dumps({"error": refusal.message}).encode() + b"\n"
    if content_type.startswith(_SSE):
        name = b"event: error\n" if dialect == "anthropic" else b""
        return b"\n" + name + b"data: " + error_body(dialect, refusal.status, refusal.code, refusal.message) + b"\n\n"
    return None
