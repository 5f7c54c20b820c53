"""The way in for clients: hands requests on to Ollama piece by piece, counts and measures, and changes nothing.

It is plain ASGI over an httpx transport: a client's layers (cookies, redirects, decoding, default headers) would alter
what passes. A request is handed on once; what may have begun is never tried again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from urllib.parse import urlsplit

import httpx
from starlette.types import Receive, Scope, Send

from replica_agent.drain import Drain
from replica_agent.headers import Headers, declared_length, end_to_end, has_body
from replica_agent.kube import plain_context
from replica_agent.logs import event
from replica_agent.observe import Exchange, Observer
from replica_agent.paths import Refusal, dialect_of, error_body, refusal_of

__all__ = ["Gate"]

# No limit on reading: the first byte of an answer may wait minutes for its model. A client that has enough leaves.
_LIMITS = {"connect": 5.0, "read": None, "write": None, "pool": None}
_RETRY_AFTER = b"2"


class _ClientLeftError(Exception):
    """The client closed its connection before its request was whole."""


class _TooLargeError(Exception):
    """The request's body is larger than allowed."""


class Gate:
    """An ASGI application in front of one Ollama."""

    def __init__(
        self,
        ollama_url: str,
        *,
        drain: Drain,
        observer: Observer,
        max_request_bytes: int,
        clients_may_manage_models: bool,
    ) -> None:
        self._url = httpx.URL(ollama_url)
        self._host = urlsplit(ollama_url).netloc.encode()
        self._drain = drain
        self._observer = observer
        self._max_bytes = max_request_bytes
        self._open = clients_may_manage_models
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=32, keepalive_expiry=30.0)
        self._transport = httpx.AsyncHTTPTransport(verify=plain_context(), trust_env=False, limits=limits)

    async def close(self) -> None:
        """Close the connections to Ollama."""
        await self._transport.aclose()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            raise RuntimeError(f"the gate serves HTTP, not {scope['type']}")
        exchange = self._observer.begin(scope["raw_path"])
        try:
            if not self._drain.accepting:
                refusal = Refusal(503, "draining", "this replica is leaving; ask again, which reaches another one")
                await self._refuse(refusal, exchange, scope, send, close=True)
                return
            with self._drain.request():
                await self._answer(exchange, scope, receive, send)
        finally:
            self._observer.end(exchange)

    async def _answer(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = None if self._open else refusal_of(scope["method"], scope["raw_path"])
        if refusal is None and declared_length(scope) > self._max_bytes:
            refusal = self._too_large()
        if refusal is not None:
            await self._refuse(refusal, exchange, scope, send, close=True)
            return
        try:
            await self._hand_on(exchange, scope, receive, send)
        except _ClientLeftError:
            exchange.fail("cancelled")
        except _TooLargeError:
            await self._refuse(self._too_large(), exchange, scope, send, close=True)
        except (httpx.TransportError, OSError) as error:
            if exchange.status:
                # The status is out, so breaking the connection is the only sign left that this answer is not whole.
                exchange.fail("cut")
                event("answer_cut", level=logging.WARNING, path=exchange.route, cause=repr(error))
                return
            text = str(error) or type(error).__name__
            refusal = Refusal(503, "ollama_unreachable", f"Ollama in this replica does not answer: {text}; try again")
            await self._refuse(refusal, exchange, scope, send)

    def _too_large(self) -> Refusal:
        return Refusal(413, "too_large", f"the request's body is larger than {self._max_bytes} bytes")

    async def _hand_on(self, exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.timeout(None)
        watcher: asyncio.Task[None] | None = None

        def watch() -> None:
            nonlocal watcher
            watcher = asyncio.create_task(_leave(receive, left, exchange))

        try:
            async with left:
                if has_body(scope):
                    body = self._body(exchange, receive, then=watch)
                else:
                    body = None
                    watch()
                await self._relay(self._request(scope, body), exchange, send)
        except TimeoutError as error:
            if not left.expired():
                raise
            raise _ClientLeftError from error
        finally:
            if watcher is not None:
                watcher.cancel()

    async def _body(self, exchange: Exchange, receive: Receive, then: Callable[[], None]) -> AsyncGenerator[bytes]:
        """Yield the request's body; `then` is called once it is whole, when nobody else waits for the client."""
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _ClientLeftError
            piece: bytes = message.get("body", b"")
            size += len(piece)
            if size > self._max_bytes:
                raise _TooLargeError
            exchange.asked.take(piece)
            more = message.get("more_body", False)
            if not more:
                then()
            if piece:
                yield piece
            if not more:
                return

    def _request(self, scope: Scope, body: AsyncGenerator[bytes] | None) -> httpx.Request:
        target: bytes = scope["raw_path"]
        if scope["query_string"]:
            target += b"?" + scope["query_string"]
        headers = [(b"Host", self._host), *end_to_end(scope["headers"])]
        # As `target` the bytes go out as they came in; as a part of the URL they would be normalised.
        return httpx.Request(
            scope["method"], self._url, headers=headers, content=body, extensions={"target": target, "timeout": _LIMITS}
        )

    async def _relay(self, request: httpx.Request, exchange: Exchange, send: Send) -> None:
        response = await self._transport.handle_async_request(request)
        try:
            headers = end_to_end(response.headers.raw)
            if self._drain.draining:
                headers.append((b"connection", b"close"))
            exchange.answer_begins(response.status_code, response.headers.get("content-type", ""))
            await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
            async for piece in _stream_of(response):
                exchange.take(piece)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            exchange.complete = True
            await send({"type": "http.response.body", "body": b""})
        finally:
            # Before the last byte this closes the connection, at which Ollama stops generating.
            await response.aclose()

    async def _refuse(
        self, refusal: Refusal, exchange: Exchange, scope: Scope, send: Send, *, close: bool = False
    ) -> None:
        exchange.answer_begins(refusal.status, "")
        exchange.fail(refusal.code)
        exchange.complete = True
        path: bytes = scope["raw_path"]
        body = error_body(dialect_of(path), refusal.status, refusal.code, refusal.message)
        headers: Headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        if refusal.status == 503:  # noqa: PLR2004 - HTTP's own number
            headers.append((b"retry-after", _RETRY_AFTER))
        if close:
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


def _stream_of(response: httpx.Response) -> httpx.AsyncByteStream:
    if not isinstance(response.stream, httpx.AsyncByteStream):
        raise TypeError("the transport gave a stream that cannot be awaited")
    return response.stream


async def _leave(receive: Receive, left: asyncio.Timeout, exchange: Exchange) -> None:
    """Wait until the client leaves, and end what `left` stands around."""
    while (await receive())["type"] != "http.disconnect":
        continue
    # The server says so too once the answer's last byte is out, and the work behind that byte is to be done.
    if not exchange.complete:
        left.reschedule(asyncio.get_running_loop().time())
