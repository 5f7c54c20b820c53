"""Streaming over a WebSocket: several requests at once on one connection, each with an id of the client's.

The client sends `{"id": "1", "path": "/api/chat", "body": {…}}` and gets `{"id": "1", "status": 200}`, then
`{"id": "1", "data": {…}}` for each event of the answer, then `{"id": "1", "done": true}`. `{"id": "1", "cancel": true}`
ends one early. Each request is answered as it would be over HTTP: same key, same limits, same errors.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from pydantic import ValidationError
from starlette.types import Message, Receive, Scope, Send

from echo.engine.engine import Engine
from echo.engine.metrics import EchoMetrics
from replica_agent.fields import Strict

__all__ = ["PATHS", "PROTOCOL", "Sockets"]

PATHS = frozenset(
    {"/api/chat", "/api/generate", "/api/embed", "/v1/chat/completions", "/v1/completions", "/v1/embeddings"}
    | {"/v1/responses"}
)
"""What can be asked for."""

PROTOCOL = "echorator"
"""Subprotocol that is agreed on with clients that offer it: browsers need one, as they send their key as another."""

_TRY_LATER, _UNSUPPORTED = 1013, 1003
_LONGEST_ID = 64


class _Frame(Strict):
    """What a client sends."""

    id: str
    path: str | None = None
    body: dict[str, Any] | None = None
    cancel: bool = False


class Sockets:
    """Serves every WebSocket.

    Attributes:
        open: how many there are.
    """

    def __init__(self, engine: Engine, metrics: EchoMetrics) -> None:
        self._engine = engine
        self.open = 0
        metrics.watch(websockets=lambda: self.open)

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one until it ends."""
        await receive()
        if self.open >= self._engine.config.limits.websockets or not self._engine.drain.accepting:
            await send({"type": "websocket.close", "code": _TRY_LATER, "reason": "try another time"})
            return
        self.open += 1
        chosen = PROTOCOL if PROTOCOL in scope.get("subprotocols", ()) else None
        socket = _Socket(self._engine, scope, send)
        try:
            await send({"type": "websocket.accept", "subprotocol": chosen})
            while (message := await receive())["type"] == "websocket.receive":
                await socket.take(message)
        finally:
            self.open -= 1
            await socket.end()


@dataclass
class _Socket:
    """One connection."""

    engine: Engine
    scope: Scope
    send: Send
    running: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, asyncio.Task[None]])

    async def take(self, message: Message) -> None:
        """Do what a frame asks for."""
        text = message.get("text")
        if text is None:
            await self.send({"type": "websocket.close", "code": _UNSUPPORTED, "reason": "text frames only"})
            return
        try:
            frame = _Frame.model_validate_json(text)
        except ValidationError:
            await self.say("", error='a frame must be {"id": …, "path": …, "body": {…}} or {"id": …, "cancel": true}')
            return
        fault = self._fault(frame)
        if fault:
            await self.say(frame.id[:_LONGEST_ID], error=fault)
        elif frame.cancel:
            task = self.running.get(frame.id)
            if task is not None:
                task.cancel()
        else:
            self._begin(frame)

    def _fault(self, frame: _Frame) -> str:
        if not 0 < len(frame.id) <= _LONGEST_ID:
            return f"`id` must have 1 to {_LONGEST_ID} characters"
        if frame.cancel:
            return ""
        if frame.path not in PATHS or frame.body is None:
            return f"`path` must be one of {', '.join(sorted(PATHS))}, and `body` an object"
        if frame.id in self.running:
            return "a request with this id runs"
        if len(self.running) >= (most := self.engine.config.limits.websocket_streams):
            return f"{most} requests run already on this connection"
        return ""

    def _begin(self, frame: _Frame) -> None:
        call = _Call(self, frame.id, asyncio.Event())
        body = json.dumps(frame.body, separators=(",", ":")).encode()
        path = cast("str", frame.path)
        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
            "state": self.scope["state"],
            "client": self.scope.get("client"),
        }
        task = asyncio.create_task(self._run(call, scope, body))
        self.running[frame.id] = task
        task.add_done_callback(lambda _: self.running.pop(frame.id, None))

    async def _run(self, call: _Call, scope: Scope, body: bytes) -> None:
        unsent = [body]

        async def receive() -> Message:
            if unsent:
                return {"type": "http.request", "body": unsent.pop()}
            await call.never.wait()
            return {"type": "http.disconnect"}

        try:
            await self.engine.answer(scope, receive, call.take, str(scope["path"]))
        except asyncio.CancelledError:
            await self.say(call.id, done=True, cancelled=True)
            raise

    async def say(self, request: str, **fields: object) -> None:
        """Send one frame about a request."""
        text = json.dumps({"id": request, **fields}, ensure_ascii=False, separators=(",", ":"))
        await self.send({"type": "websocket.send", "text": text})

    async def end(self) -> None:
        """End everything that runs: the client is gone."""
        tasks = list(self.running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass
class _Call:
    """One request's answer, turned from HTTP's pieces into frames."""

    socket: _Socket
    id: str
    never: asyncio.Event
    status: int = 0
    kind: str = ""
    rest: bytearray = field(default_factory=bytearray)

    async def take(self, message: Message) -> None:
        """Take a message that would go to an HTTP client."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers: Mapping[bytes, bytes] = dict(message["headers"])
            self.kind = headers.get(b"content-type", b"").decode("latin-1")
            after = headers.get(b"retry-after")
            more = {} if after is None else {"retryAfter": int(after)}
            await self.socket.say(self.id, status=self.status, **more)
            return
        self.rest += message.get("body", b"")
        for event in self._events(whole=not message.get("more_body", False)):
            await self.socket.say(self.id, data=event)
        if not message.get("more_body", False):
            await self.socket.say(self.id, done=True)

    def _events(self, *, whole: bool) -> list[object]:
        if self.kind.startswith("text/event-stream"):
            *blocks, rest = bytes(self.rest).split(b"\n\n")
            self.rest[:] = rest
            data = (_data_of(block) for block in blocks)
            return [_json(text) for text in data if text and text != b"[DONE]"]
        if self.kind.startswith("application/x-ndjson"):
            *lines, rest = bytes(self.rest).split(b"\n")
            self.rest[:] = rest
            return [_json(line) for line in lines if line.strip()]
        if not whole or not self.rest:
            return []
        return [_json(bytes(self.rest))]


def _data_of(block: bytes) -> bytes:
    """Of one server-sent event."""
    lines = [line[5:].strip() for line in block.split(b"\n") if line.startswith(b"data:")]
    return b"\n".join(lines)


def _json(text: bytes) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
