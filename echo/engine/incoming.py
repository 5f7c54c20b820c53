"""A client's request: its body, read whole within bounds, and the few fields of it that routing needs."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from pydantic_core import from_json
from starlette.types import Receive, Scope

from echo.config.model import LimitsConfig
from replica_agent.headers import declared_length
from replica_agent.paths import Refusal

__all__ = ["Buffers", "ClientLeftError", "Incoming", "RefusedError", "parse", "read"]


class ClientLeftError(Exception):
    """The client closed its connection."""


class RefusedError(Exception):
    """The request is refused.

    Attributes:
        refusal: status, word and message.
        retry_after: seconds, where trying again helps.
    """

    def __init__(self, refusal: Refusal, retry_after: int | None = None) -> None:
        self.refusal = refusal
        self.retry_after = retry_after
        super().__init__(refusal.message)


@dataclass
class Buffers:
    """Bytes of bodies that are held now, over all requests.

    Attributes:
        most: at once.
        held: now.
    """

    most: int
    held: int = 0

    @contextmanager
    def hold(self) -> Generator[Held]:
        """Hold a body for as long as the block runs."""
        held = Held(self)
        try:
            yield held
        finally:
            held.give_back()


@dataclass
class Held:
    """What one request holds."""

    buffers: Buffers
    size: int = 0

    def grow(self, size: int) -> bool:
        """Hold so many bytes more; False where that would be too many."""
        if self.buffers.held + size > self.buffers.most:
            return False
        self.size += size
        self.buffers.held += size
        return True

    def give_back(self) -> None:
        """Hold nothing."""
        self.buffers.held -= self.size
        self.size = 0


@dataclass(frozen=True)
class Incoming:
    """What routing needs of a body."""

    model: str
    fields: Mapping[str, Any]


async def read(scope: Scope, receive: Receive, limits: LimitsConfig, held: Held) -> bytes:
    """Read a request's body.

    Raises:
        RefusedError: It is too large or too slow, or too much is held already.
        ClientLeftError: The client left before it was whole.
    """
    if declared_length(scope) > limits.max_request_bytes:
        raise _too_large(limits)
    pieces: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(limits.body_seconds):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientLeftError
                piece: bytes = message.get("body", b"")
                size += len(piece)
                if size > limits.max_request_bytes:
                    raise _too_large(limits)
                if not held.grow(len(piece)):
                    text = "the service holds as many requests as it can"
                    raise RefusedError(Refusal(503, "too_much_held", text), 1)
                pieces.append(piece)
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError as error:
        text = f"the request was not whole within {limits.body_seconds:g} s"
        raise RefusedError(Refusal(408, "too_slow", text)) from error


def parse(body: bytes) -> Incoming:
    """Read what a request is about; everything else in it is left to Ollama.

    Raises:
        RefusedError: It is no JSON object, or names no model.
    """
    try:
        found: object = from_json(body)
    except ValueError as error:
        # The parser's words hold a position and no part of the body.
        raise RefusedError(Refusal(400, "invalid_json", f"the body is not JSON: {error}")) from error
    if not isinstance(found, dict):
        raise RefusedError(Refusal(400, "invalid_json", "the body must be a JSON object"))
    fields = cast("Mapping[str, Any]", found)
    # `name` is what Ollama's older clients say.
    model = fields.get("model") or fields.get("name")
    if not isinstance(model, str):
        raise RefusedError(Refusal(400, "no_model", "`model` must name a model"))
    return Incoming(model, fields)


def _too_large(limits: LimitsConfig) -> RefusedError:
    text = f"the request's body is larger than {limits.max_request_bytes} bytes"
    return RefusedError(Refusal(413, "too_large", text))
