"""Feel Ollama's pulse: whether it answers, and whether it is still the same process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import httpx

from replica_agent.kube import plain_context

__all__ = ["Pulse"]

_EVERY_S = 1.0
_PATIENCE = httpx.Timeout(5.0)


class Pulse:
    """Asks for Ollama's version every second on one connection that is kept.

    That connection breaks when the process ends, so that a restart is seen even when it is over between two beats:
    then models have to be looked at again, and loaded again.

    Attributes:
        up: whether it answered the last time.
        version: what it answered.
        life: how many processes were seen, 0 before the first.
    """

    def __init__(self, ollama_url: str, on_change: Callable[[], None]) -> None:
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=None)
        transport = httpx.AsyncHTTPTransport(verify=plain_context(), trust_env=False, limits=limits)
        self._http = httpx.AsyncClient(base_url=ollama_url, transport=transport, timeout=_PATIENCE)
        self._on_change = on_change
        self.up = False
        self.version = ""
        self.life = 0

    async def run(self) -> None:
        """Beat for ever; `on_change` is called when `up` or `life` changes."""
        async with self._http:
            while True:
                await self._beat()
                await asyncio.sleep(_EVERY_S)

    async def _beat(self) -> None:
        connected = False

        async def trace(name: str, info: Mapping[str, Any]) -> None:
            nonlocal connected
            del info
            connected = connected or name == "connection.connect_tcp.complete"

        before = (self.up, self.life)
        try:
            response = await self._http.get("/api/version", extensions={"trace": trace})
            self.up = response.status_code == HTTPStatus.OK
            if self.up:
                self.version = str(response.json().get("version", ""))
                # A server that was only slow is still the one of before: the connection did not break.
                self.life += connected
        except (httpx.HTTPError, ValueError):
            self.up = False
        if (self.up, self.life) != before:
            self._on_change()
