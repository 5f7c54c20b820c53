"""Requests to replicas: bytes on, bytes back, nothing altered."""

from __future__ import annotations

from dataclasses import dataclass

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from echo.engine.fleet import Replica
from replica_agent.headers import Headers, end_to_end

__all__ = ["Asked", "ReplicaError", "Upstream"]

# What is ours alone, and what the client library sets by the body that it sends.
_KEPT_BACK = frozenset({b"authorization", b"x-api-key", b"cookie", b"content-length", b"x-echo-space"})
_IDLE_S = 15
_PIECE = 1 << 16


class ReplicaError(Exception):
    """A replica could not be reached, or broke off."""


@dataclass(frozen=True)
class Asked:
    """What a replica is asked.

    Attributes:
        method: of the request.
        target: path and query, as they came.
        headers: as they came.
        body: whole, or None.
    """

    method: str
    target: str
    headers: Headers
    body: bytes | None


class Upstream:
    """Connections to replicas; must be made inside a running loop."""

    def __init__(self, connect_s: float) -> None:
        self._session = aiohttp.ClientSession(
            # How many there are is bounded by slots.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
            # No limit on reading: the first byte of an answer may wait minutes for its model.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            read_bufsize=_PIECE,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()

    async def ask(self, replica: Replica, asked: Asked) -> aiohttp.ClientResponse:
        """Send a request and return its answer, of which the body is still to come.

        Raises:
            ReplicaError: There is no answer.
        """
        headers = CIMultiDict(
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in end_to_end(asked.headers)
            if name.lower() not in _KEPT_BACK
        )
        try:
            return await self._session.request(
                asked.method,
                URL(replica.base + asked.target, encoded=True),
                headers=headers,
                data=asked.body,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ReplicaError(f"{type(error).__name__}: {error}") from error


async def next_piece(answer: aiohttp.ClientResponse) -> bytes:
    """Return the next bytes of an answer, none at its end.

    Raises:
        ReplicaError: It broke off.
    """
    try:
        return await answer.content.readany()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise ReplicaError(f"{type(error).__name__}: {error}") from error
