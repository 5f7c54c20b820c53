"""A reverse proxy before a real registry that stalls, cuts, corrupts, or refuses on demand, and counts.

Ollama fetches a blob by three requests: HEAD for its size, GET for its address (it reads only the `Location`
header), then ranged GETs of that address. The proxy adds the `Location` header, which Debian's registry
leaves out, and by default does harm only to the ranged GETs, since those carry the bytes.
"""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import httpx
import uvicorn

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BLOB = re.compile(r"/v2/.+/blobs/sha256:")
MANIFEST = re.compile(r"/v2/.+/manifests/")
_HOP_HEADERS = {b"connection", b"transfer-encoding", b"keep-alive", b"content-length"}


class CutError(Exception):
    """Raised inside the application to make the server drop a connection in the middle of a body."""


@dataclass
class Fault:
    """One kind of harm.

    Attributes:
        kind: "stall" sends `after` bytes, then nothing until the client leaves; "cut" closes after `after`
            bytes; "corrupt" flips the byte at `after`; "status" answers `status` at once; "slow" waits
            `delay_s` before each piece.
        path: pattern of the paths it applies to.
        times: how many requests it harms; None for all.
        ranged_only: leave requests without a `Range` header alone.
    """

    kind: Literal["stall", "cut", "corrupt", "status", "slow"]
    path: re.Pattern[str] = BLOB
    after: int = 65536
    status: int = 500
    times: int | None = 1
    ranged_only: bool = True
    delay_s: float = 0.05


@dataclass(frozen=True)
class Seen:
    """One request that arrived."""

    method: str
    path: str
    ranged: bool


class FaultyProxy:
    """The proxy, served by uvicorn in a thread.

    Attributes:
        host: `127.0.0.1:<port>`, to be used as the host of a model's name.
        requests: every request since the last `reset`.
        body_bytes: bytes of blob bodies sent since the last `reset`.
    """

    def __init__(self, upstream: str) -> None:
        """Prepare the proxy for the registry at host:port `upstream`."""
        self._upstream = upstream
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        config = uvicorn.Config(
            self._app, interface="asgi3", host="127.0.0.1", port=0, log_level="critical", lifespan="off", ws="none",
            timeout_graceful_shutdown=1,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="faulty-proxy", daemon=True)
        self.requests: list[Seen] = []
        self.body_bytes = 0
        self.host = ""

    def reset(self, *faults: Fault) -> None:
        """Forget what was counted, and do this harm from now on."""
        with self._lock:
            self._faults = list(faults)
            self.requests = []
            self.body_bytes = 0

    def count(self, path: re.Pattern[str], method: str = "GET") -> int:
        """Return how many requests of this method had a path like this since the last `reset`."""
        with self._lock:
            return sum(1 for seen in self.requests if seen.method == method and path.search(seen.path))

    def _fault_for(self, seen: Seen) -> Fault | None:
        with self._lock:
            self.requests.append(seen)
            for fault in self._faults:
                if not fault.path.search(seen.path) or (fault.ranged_only and not seen.ranged):
                    continue
                if fault.times is None:
                    return fault
                if fault.times > 0:
                    fault.times -= 1
                    return fault
        return None

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: list[tuple[bytes, bytes]] = [
            (name, value) for name, value in scope["headers"] if name not in (b"host", b"connection")
        ]
        names = {name for name, _ in headers}
        seen = Seen(scope["method"], scope["path"], ranged=b"range" in names)
        fault = self._fault_for(seen)
        if fault is not None and fault.kind == "status":
            await _answer(send, fault.status)
            return
        url = f"http://{self._upstream}{scope['raw_path'].decode()}"
        if scope["query_string"]:
            url += "?" + scope["query_string"].decode()
        has_body = seen.method in ("POST", "PUT", "PATCH")
        async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
            content = _request_body(receive) if has_body else None
            own_host = (b"host", self.host.encode())
            request = client.build_request(seen.method, url, headers=[*headers, own_host], content=content)
            response = await client.send(request, stream=True)
            try:
                await self._relay(seen, response, fault, send, receive)
            finally:
                await response.aclose()

    async def _relay(
        self, seen: Seen, response: httpx.Response, fault: Fault | None, send: Send, receive: Receive
    ) -> None:
        headers = [(k.lower(), v) for k, v in response.headers.raw if k.lower() not in _HOP_HEADERS]
        length = response.headers.get("content-length")
        if length is not None:
            headers.append((b"content-length", length.encode()))
        is_blob = BLOB.search(seen.path) is not None
        if is_blob and seen.method == "GET":
            headers.append((b"location", f"http://{self.host}{seen.path}".encode()))
        await send({"type": "http.response.start", "status": response.status_code, "headers": headers})
        if seen.method == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        sent = 0
        async for piece in _harmed(response.aiter_raw(16384), fault, receive):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            sent += len(piece)
            if is_blob and seen.ranged:
                with self._lock:
                    self.body_bytes += len(piece)
        await send({"type": "http.response.body", "body": b""})

    def __enter__(self) -> Self:
        self._thread.start()
        end = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > end or not self._thread.is_alive():
                msg = "the proxy did not start within 10 s"
                raise RuntimeError(msg)
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.host = f"127.0.0.1:{port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(10)


async def _request_body(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return
        yield message.get("body", b"")
        more = message.get("more_body", False)


async def _answer(send: Send, status: int) -> None:
    body = b'{"errors":[{"code":"FAULT","message":"made by the test"}]}'
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _leaves_within(seconds: float | None, receive: Receive) -> bool:
    """Wait so long; return at once, and True, when the client leaves."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                continue
    except TimeoutError:
        return False
    return True


async def _harmed(pieces: AsyncIterator[bytes], fault: Fault | None, receive: Receive) -> AsyncIterator[bytes]:
    at = 0
    async for piece in pieces:
        end = at + len(piece)
        if fault is not None and fault.kind == "slow" and await _leaves_within(fault.delay_s, receive):
            return
        if fault is not None and fault.kind != "slow" and at <= fault.after < end:
            before, rest = piece[: fault.after - at], piece[fault.after - at :]
            if fault.kind == "corrupt":
                yield before + bytes([rest[0] ^ 0xFF]) + rest[1:]
                at = end
                continue
            yield before
            if fault.kind == "cut":
                raise CutError
            await _leaves_within(None, receive)
            raise CutError
        yield piece
        at = end
