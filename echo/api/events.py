"""/echo/events: what happens in a space, over a WebSocket, as it happens."""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send

from echo.auth.principal import ANONYMOUS, Principal
from echo.remember.hub import FullError, Listener
from echo.remember.memories import Memories
from echo.remember.rooms import SpaceRefusedError, named_space

__all__ = ["EVENTS_PATH", "Events"]

EVENTS_PATH = "/echo/events"

_PROTOCOL = "echorator"
_QUIET_S = 30.0


class Events:
    """Serves listeners."""

    def __init__(self, memories: Memories | None) -> None:
        self._memories = memories

    async def serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one until it ends."""
        memories = self._memories
        if memories is None:
            await deny(HTTPStatus.NOT_FOUND, send)
            return
        principal: Principal = scope.get("state", {}).get("principal", ANONYMOUS)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        named = Headers(scope=scope).get("x-echo-space") or query.get("space", [None])[-1]
        try:
            space = named_space(principal, named)
        except SpaceRefusedError as error:
            await deny(error.status, send)
            return
        if space is None:
            await deny(HTTPStatus.BAD_REQUEST, send)
            return
        try:
            with memories.hub.listen(space) as listener:
                await receive()
                # What happens after the handshake is heard, wherever it happens.
                await memories.relay.follows(space)
                chosen = _PROTOCOL if _PROTOCOL in scope.get("subprotocols", ()) else None
                await send({"type": "websocket.accept", "subprotocol": chosen})
                await _told(listener, receive, send)
        except FullError:
            await deny(HTTPStatus.SERVICE_UNAVAILABLE, send)


async def _told(listener: Listener, receive: Receive, send: Send) -> None:
    """Tell events until the listener leaves; a quiet time is told too, so that a dead connection ends."""
    teller = asyncio.create_task(_tell(listener, send))
    try:
        while (await receive())["type"] != "websocket.disconnect":
            # What a listener says is nothing to us.
            continue
    finally:
        teller.cancel()
        await asyncio.gather(teller, return_exceptions=True)


async def _tell(listener: Listener, send: Send) -> None:
    while True:
        try:
            async with asyncio.timeout(_QUIET_S):
                event = await listener.next()
        except TimeoutError:
            event = {"type": "quiet"}
        await send({"type": "websocket.send", "text": json.dumps(event, ensure_ascii=False, separators=(",", ":"))})


async def deny(status: HTTPStatus, send: Send) -> None:
    """Answer the handshake with a status, as HTTP would."""
    await send({"type": "websocket.http.response.start", "status": int(status), "headers": []})
    await send({"type": "websocket.http.response.body", "body": b""})
