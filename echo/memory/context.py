"""What every operation on one space works with."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database
from echo.memory.checks import Checker
from echo.memory.clock import Clock
from echo.memory.database import Database
from echo.memory.embedder import Embedder, Vector, vectors_of
from echo.memory.errors import EmbeddingMismatchError, ReembeddedError, UnknownSpaceError
from echo.memory.ids import IdMaker
from echo.memory.limits import Limits


@dataclass(frozen=True, kw_only=True)
class SpaceRow:
    """A space as the database has it."""

    id: int
    name: str
    embedding_model: str
    width: int
    generation: int
    vector_index: bool
    language: str
    created_at: datetime


@dataclass(kw_only=True)
class Context:
    """One space of one store."""

    name: str
    db: Database
    embedder: Embedder
    clock: Clock
    limits: Limits
    new_id: IdMaker
    also: tuple[Embedder, ...] = ()
    """Embedders of models that the space may come from, while it is re-embedded."""
    _row: SpaceRow | None = field(default=None, init=False)

    def checker(self) -> Checker:
        """A fresh collection of faults."""
        return Checker(self.limits)

    async def row(self) -> SpaceRow:
        """The space as it was last seen.

        Raises:
            UnknownSpaceError: it is not there.
        """
        if self._row is None:
            async with self.transaction():
                pass
        if self._row is None:
            raise UnknownSpaceError(self.name)
        return self._row

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncGenerator[tuple[AsyncConnection, SpaceRow]]:
        """One transaction that sees this space alone.

        Args:
            snapshot: see everything as it was at the first statement.

        Raises:
            UnknownSpaceError: it is not there.
            StoreUnavailableError: the database cannot be reached.
        """
        held = _HELD.get()
        # A task that is made within the block inherits it, and must not speak on the same connection meanwhile.
        if held is not None and held[0] is self and held[1] is asyncio.current_task() and not snapshot:
            yield held[2], held[3]
            return
        async with self.db.transaction(snapshot=snapshot) as connection:
            found = await database.one(connection, _ENTER, name=self.name)
            if found is None:
                self._row = None
                raise UnknownSpaceError(self.name)
            row = SpaceRow(**{key: value for key, value in database.fields(found).items() if key != "entered"})
            self._row = row
            yield connection, row

    @asynccontextmanager
    async def together(self) -> AsyncGenerator[None]:
        """Make the reads of a block one transaction: each one of its own costs six more ways to the server.

        For calls one after the other in one task. Where one fails, those after it in the block do too.
        """
        async with self.transaction() as (connection, row):
            token = _HELD.set((self, asyncio.current_task(), connection, row))
            try:
                yield
            finally:
                _HELD.reset(token)

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        """Vectors by the embedder, which must be the space's.

        Raises:
            EmbeddingMismatchError: it is of another model or width.
            EmbedderError: it failed.
        """
        if not texts:
            return []
        row = await self.row()
        mine = self.embedder
        fitting = [one for one in (mine, *self.also) if (one.model, one.width) == (row.embedding_model, row.width)]
        if not fitting:
            raise EmbeddingMismatchError(
                f"the space {self.name!r} holds vectors of {row.embedding_model} ({row.width} dimensions), the "
                f"embedder is {mine.model} ({mine.width}): use the space's model, or re-embed the space"
            )
        return await vectors_of(fitting[0], texts)

    async def hold(self, connection: AsyncConnection, before: SpaceRow) -> None:
        """Keep the space with its model until the transaction ends; for whoever writes vectors.

        Raises:
            EmbeddingMismatchError: the space was re-embedded meanwhile.
        """
        found = await database.one(connection, _HOLD, space=before.id)
        if found is None:
            raise UnknownSpaceError(self.name)
        if found.generation != before.generation:
            self._row = None
            raise ReembeddedError(self.name)

    def same_vectors(self, before: SpaceRow, now: SpaceRow) -> None:
        """Refuse vectors that were made for what the space held a moment ago.

        Raises:
            EmbeddingMismatchError: the space was re-embedded meanwhile.
        """
        if before.generation != now.generation:
            raise ReembeddedError(self.name)


_Held = tuple[Context, asyncio.Task[Any] | None, AsyncConnection, SpaceRow]
_HELD: ContextVar[_Held | None] = ContextVar("echo.memory.held", default=None)
_HOLD = "SELECT generation FROM echo.spaces WHERE id = CAST(:space AS bigint) FOR KEY SHARE"
_ENTER = """
SELECT set_config('echo.space', id::text, true) AS entered, id, name, embedding_model, width, generation, vector_index,
    language::text AS language, created_at
FROM echo.spaces WHERE name = :name
"""
