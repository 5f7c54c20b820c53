"""Embeddings by the fleet: a model on any server, asked for as every other request is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, cast

from pydantic_core import from_json

from echo.engine.fleet import model_key
from echo.engine.queue import BusyError, Dispatcher, MissingError
from echo.engine.upstream import Asked, ReplicaError, Upstream, next_piece
from echo.memory import EmbedderError
from echo.telemetry import span

__all__ = ["FleetEmbedder"]

_ROUTE = "/api/embed"
_HEADERS = [(b"content-type", b"application/json"), (b"accept", b"application/json")]
_LARGEST = 64 << 20
_BATCH = 64
_ATTEMPTS = 3


class FleetEmbedder:
    """Implements `echo.memory.Embedder`."""

    def __init__(self, dispatcher: Dispatcher, upstream: Upstream, model: str, width: int) -> None:
        self._dispatcher = dispatcher
        self._upstream = upstream
        self._model = model
        self._width = width

    @property
    def model(self) -> str:
        """Its name, as in the settings."""
        return self._model

    @property
    def width(self) -> int:
        """Dimensions of its vectors."""
        return self._width

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Ask a replica, some texts at a time.

        Raises:
            EmbedderError: No server has the model, none was free, or it failed.
        """
        found: list[Sequence[float]] = []
        with span("embedding", model=self._model, texts=len(texts)):
            for start in range(0, len(texts), _BATCH):
                found += await self._batch(texts[start : start + _BATCH])
        return found

    async def _batch(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        body = json.dumps({"model": self._model, "input": list(texts), "truncate": True}).encode()
        asked = Asked("POST", _ROUTE, _HEADERS, body)
        tried: set[str] = set()
        failure = ""
        for _ in range(_ATTEMPTS):
            key = model_key(self._model)
            try:
                lease = await self._dispatcher.lease(key if key is not None else self._model, None, tried)
            except MissingError as error:
                raise EmbedderError(f"no server has the embedding model {self._model}") from error
            except BusyError as error:
                raise EmbedderError(f"{self._model}: {failure or error}") from error
            try:
                return await self._ask(lease.replica, asked)
            except ReplicaError as error:
                failure = f"{lease.replica.name}: {error}"
                tried.add(lease.replica.base)
            finally:
                lease.release()
            if not any(one.base not in tried for one in self._dispatcher.fleet.having(lease.model)):
                break
        raise EmbedderError(f"{self._model} made no embedding: {failure}")

    async def _ask(self, replica: Any, asked: Asked) -> Sequence[Sequence[float]]:  # noqa: ANN401
        answer = await self._upstream.ask(replica, asked)
        try:
            pieces = bytearray()
            while piece := await next_piece(answer):
                pieces += piece
                if len(pieces) > _LARGEST:
                    raise ReplicaError(f"an answer above {_LARGEST} bytes")
        finally:
            answer.close() if not answer.content.at_eof() else answer.release()
        if answer.status != 200:  # noqa: PLR2004 - HTTP's own number
            raise ReplicaError(f"HTTP {answer.status}")
        try:
            found = from_json(bytes(pieces))
        except ValueError as error:
            raise ReplicaError("an answer that is no JSON") from error
        vectors = cast("dict[str, Any]", found).get("embeddings") if isinstance(found, dict) else None
        if not isinstance(vectors, list):
            raise ReplicaError("an answer without embeddings")
        return cast("list[list[float]]", vectors)
