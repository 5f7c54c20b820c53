"""Another embedding model for a space: new vectors beside the old ones, then one switch, then the old ones go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database
from echo.memory.context import Context, SpaceRow
from echo.memory.database import wrapped
from echo.memory.embedder import Embedder, Vector, vectors_of
from echo.memory.records import Reembedding, ReembeddingReport

_NOTHING = UUID(int=0)
_DELETED_AT_ONCE = 2_000


@dataclass(frozen=True)
class _Step:
    """One batch.

    Attributes:
        written: vectors that were written; none of those that another run wrote meanwhile.
        more: whether memories were found that may lack theirs.
        over: another run has finished this one's work, or brings the space to yet another model.
    """

    written: int = 0
    more: bool = False
    over: bool = False


async def progress(context: Context) -> Reembedding | None:
    """How far the space is on its way to another model; None where it is on none."""
    async with context.transaction() as (connection, row):
        found = await database.one(connection, _PROGRESS, space=row.id)
    if found is None:
        return None
    return Reembedding(
        embedding_model=found.embedding_model, width=found.width, done=found.done, total=int(found.total),
        started_at=found.started_at,
    )  # fmt: skip


async def reembed(context: Context, embedder: Embedder | None, *, batch: int, most: int | None) -> ReembeddingReport:
    """Bring the space to another model; see :meth:`echo.memory.MemorySpace.reembed`."""
    checker = context.checker()
    checker.whole("batch", batch, 1, context.limits.batch)
    if most is not None:
        checker.whole("most", most, 1, 1 << 40)
    target = embedder if embedder is not None else context.embedder
    checker.whole("embedder.width", target.width, 1, _WIDEST)
    checker.done()
    written = 0
    if not await _there(context, target):
        aim = await _begin(context, target)
        while True:
            step = await _next(context, target, aim, batch)
            written += step.written
            if step.over and not await _there(context, target):
                return ReembeddingReport(written=written, switched=False, waits_for_index=False)
            if step.over or (not step.more and await _finish(context, aim)):
                break
            if not step.more and await _lacks_index(context, aim):
                return ReembeddingReport(written=written, switched=False, waits_for_index=True)
            if most is not None and written >= most:
                return ReembeddingReport(written=written, switched=False, waits_for_index=False)
    # A service that had begun to write when the switch came has written vectors of before.
    while (late := await _stragglers(context, target, batch)) > 0:
        written += late
    await _clean(context)
    return ReembeddingReport(written=written, switched=True, waits_for_index=False)


async def _there(context: Context, target: Embedder) -> bool:
    async with context.transaction() as (_, row):
        return (row.embedding_model, row.width) == (target.model, target.width)


async def _begin(context: Context, target: Embedder) -> int:
    """The generation to be written: one that a run before began, or a new one."""
    async with context.transaction() as (connection, row):
        await database.run(connection, _LOCK_SPACE, space=row.id)
        found = await database.one(connection, _BEGUN, space=row.id)
        if found is not None and (found.embedding_model, found.width) == (target.model, target.width):
            return int(found.generation)
        # What was begun for yet another model is given up; its vectors go at the end.
        last = max(row.generation, 0 if found is None else int(found.generation))
        await database.run(
            connection, _START, space=row.id, generation=last + 1, model=target.model, width=target.width,
            now=context.clock(),
        )  # fmt: skip
        return last + 1


async def _next(context: Context, target: Embedder, aim: int, batch: int) -> _Step:
    """Give the next memories their vectors."""
    async with context.transaction() as (connection, row):
        begun = await database.one(connection, _BEGUN, space=row.id)
        if begun is None or begun.generation != aim:
            # There is no position any more: this run would read the first memories for ever.
            return _Step(over=True)
        position = begun.position if begun.position is not None else _NOTHING
        ahead = await database.rows(connection, _AHEAD, space=row.id, position=position, batch=batch)
        # Behind the position lies what came with an older id, such as an import.
        found = ahead or await database.rows(connection, _LACKING, space=row.id, generation=aim, batch=batch)
    if not found:
        return _Step()
    # The model is asked without a connection: a slow one must not hold one.
    vectors = await vectors_of(target, [one.content for one in found])
    async with context.transaction() as (connection, row):
        written = await _write(connection, row, aim, found, vectors, fresh=await _indexed(connection, row, aim))
        await database.run(
            connection, _ADVANCE, space=row.id, generation=aim, position=ahead[-1].id if ahead else _NOTHING,
            written=written,
        )  # fmt: skip
    return _Step(written, more=True)


async def _write(
    connection: AsyncConnection,
    space: SpaceRow,
    generation: int,
    found: Sequence[Row[Any]],
    vectors: Sequence[Vector],
    *,
    fresh: bool,
) -> int:
    done = await database.rows(
        connection, _WRITE, space=space.id, generation=generation, ids=[one.id for one in found],
        vectors=wrapped(vectors), fresh=fresh,
    )  # fmt: skip
    return len(done)


async def _finish(context: Context, aim: int) -> bool:
    """Switch, if nothing lacks a vector, a space that has an index keeps having one, and nobody else was first."""
    async with context.transaction() as (connection, row):
        # Who is writing a memory holds its space: after this they are done, and who comes later sees the switch.
        await database.run(connection, _LOCK_SPACE, space=row.id)
        begun = await database.one(connection, _BEGUN, space=row.id)
        if begun is None or begun.generation != aim:
            return False
        if await database.rows(connection, _LACKING, space=row.id, generation=aim, batch=1):
            return False
        indexed = await _indexed(connection, row, aim)
        if row.vector_index and not indexed:
            return False
        await database.run(connection, _SWITCH, space=row.id, generation=aim, indexed=indexed)
        await database.run(connection, _DONE, space=row.id, generation=aim)
        return True


async def _lacks_index(context: Context, aim: int) -> bool:
    async with context.transaction() as (connection, row):
        return row.vector_index and row.generation < aim and not await _indexed(connection, row, aim)


async def _indexed(connection: AsyncConnection, space: SpaceRow, generation: int) -> bool:
    found = await database.one(connection, _INDEX, name=f"embeddings_hnsw_{space.id}_{generation}")
    return found is not None and bool(found.valid)


async def _stragglers(context: Context, target: Embedder, batch: int) -> int:
    async with context.transaction() as (connection, row):
        if (row.embedding_model, row.width) != (target.model, target.width):
            return 0
        found = await database.rows(connection, _LACKING, space=row.id, generation=row.generation, batch=batch)
    vectors = await vectors_of(target, [one.content for one in found])
    if not found:
        return 0
    async with context.transaction() as (connection, now):
        if now.generation != row.generation:
            return 0
        return await _write(connection, now, now.generation, found, vectors, fresh=now.vector_index)


async def _clean(context: Context) -> None:
    """Delete the vectors of other generations, a part at a time."""
    last = _NOTHING
    while True:
        async with context.transaction() as (connection, row):
            if await database.one(connection, _BEGUN, space=row.id) is not None:
                return
            gone = await database.rows(
                connection, _CLEAN, space=row.id, generation=row.generation, last=last, batch=_DELETED_AT_ONCE
            )
        if not gone:
            return
        last = max(one.memory_id for one in gone)


_WIDEST = 4000
_PROGRESS = """
SELECT r.*, (SELECT count(*) FROM echo.memories m WHERE m.space_id = r.space_id) AS total
FROM echo.reembeddings r WHERE r.space_id = CAST(:space AS bigint)
"""
_BEGUN = """
SELECT generation, embedding_model, width, position FROM echo.reembeddings WHERE space_id = CAST(:space AS bigint)
"""
_LOCK_SPACE = "SELECT id FROM echo.spaces WHERE id = CAST(:space AS bigint) FOR UPDATE"
_START = """
INSERT INTO echo.reembeddings (space_id, generation, embedding_model, width, started_at)
VALUES (
    CAST(:space AS bigint), CAST(:generation AS integer), CAST(:model AS text), CAST(:width AS integer),
    CAST(:now AS timestamptz)
)
ON CONFLICT (space_id) DO UPDATE SET generation = excluded.generation, embedding_model = excluded.embedding_model,
    width = excluded.width, position = NULL, done = 0, started_at = excluded.started_at
"""
_AHEAD = """
SELECT m.id, m.content FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.id > CAST(:position AS uuid)
ORDER BY m.id LIMIT CAST(:batch AS integer)
"""
_LACKING = """
SELECT m.id, m.content FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND NOT EXISTS (
    SELECT FROM echo.embeddings e
    WHERE e.space_id = m.space_id AND e.memory_id = m.id AND e.generation = CAST(:generation AS integer)
)
ORDER BY m.id LIMIT CAST(:batch AS integer)
"""
# Locked, so that a memory that is being forgotten does not get a vector that counts as live.
_WRITE = """
INSERT INTO echo.embeddings (space_id, memory_id, generation, live, fresh, embedding)
SELECT m.space_id, m.id, CAST(:generation AS integer), m.state = 'live', CAST(:fresh AS boolean), m.embedding
FROM (
    SELECT m.space_id, m.id, m.state, g.embedding FROM echo.memories m
    JOIN unnest(CAST(:ids AS uuid[]), CAST(:vectors AS vector[])) AS g (id, embedding) USING (id)
    WHERE m.space_id = CAST(:space AS bigint) ORDER BY m.id FOR SHARE OF m
) m
ON CONFLICT DO NOTHING RETURNING memory_id
"""
_ADVANCE = """
UPDATE echo.reembeddings
SET position = GREATEST(position, CAST(:position AS uuid)), done = done + CAST(:written AS bigint)
WHERE space_id = CAST(:space AS bigint) AND generation = CAST(:generation AS integer)
"""
_INDEX = "SELECT i.indisvalid AS valid FROM pg_index i WHERE i.indexrelid = to_regclass('echo.' || CAST(:name AS text))"
_SWITCH = """
UPDATE echo.spaces s SET embedding_model = r.embedding_model, width = r.width, generation = r.generation,
    vector_index = CAST(:indexed AS boolean)
FROM echo.reembeddings r
WHERE s.id = CAST(:space AS bigint) AND r.space_id = s.id AND r.generation = CAST(:generation AS integer)
"""
_DONE = """
DELETE FROM echo.reembeddings WHERE space_id = CAST(:space AS bigint) AND generation = CAST(:generation AS integer)
"""
_CLEAN = """
DELETE FROM echo.embeddings e USING (
    SELECT memory_id, generation FROM echo.embeddings
    WHERE space_id = CAST(:space AS bigint) AND memory_id > CAST(:last AS uuid)
        AND generation <> CAST(:generation AS integer)
    ORDER BY memory_id LIMIT CAST(:batch AS integer)
) old
WHERE e.space_id = CAST(:space AS bigint) AND e.memory_id = old.memory_id AND e.generation = old.generation
RETURNING e.memory_id
"""
