"""Plain looks at a space, and its end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row

from echo.memory import database, read
from echo.memory.context import Context
from echo.memory.errors import UnknownMemoryError
from echo.memory.kinds import MemoryKind, Tier
from echo.memory.records import Memory, SpaceInfo, SpaceStats

_DELETED_AT_ONCE = 2_000


async def info(context: Context) -> SpaceInfo:
    """The space's model, width and language."""
    async with context.transaction() as (_, row):
        return SpaceInfo(
            name=row.name, embedding_model=row.embedding_model, width=row.width, language=row.language,
            created_at=row.created_at,
        )  # fmt: skip


async def stats(context: Context) -> SpaceStats:
    """How much the space holds."""
    async with context.transaction() as (connection, row):
        [counted] = await database.rows(connection, _STATS, space=row.id, now=context.clock())
        tiers = await database.rows(connection, _TIERS, space=row.id)
    return SpaceStats(**database.fields(counted), tiers={Tier(one.tier): one.number for one in tiers})


async def get(context: Context, ids: Iterable[UUID]) -> list[Memory]:
    """Memories by id, in the given order."""
    checker = context.checker()
    wanted = checker.identifiers("ids", ids)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await read.memories(connection, row.id, wanted)
    return [found[one] for one in wanted if one in found]


async def recent(context: Context, session: str | None, limit: int) -> list[Memory]:
    """The latest live memories."""
    checker = context.checker()
    wanted = None if session is None else checker.label("session", session)
    checker.whole("limit", limit, 1, context.limits.batch)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _RECENT, space=row.id, session=wanted, limit=limit)
    return _memories(found)


async def history(context: Context, memory_id: UUID) -> list[Memory]:
    """What a memory superseded and what was merged into it, through all generations."""
    checker = context.checker()
    start = checker.identifiers("memory_id", [memory_id])
    checker.done()
    async with context.transaction() as (connection, row):
        if not await read.memories(connection, row.id, start):
            raise UnknownMemoryError(start)
        found = await database.rows(connection, _HISTORY, space=row.id, start=start[0], limit=context.limits.batch)
    return _memories(found)


async def kinds(context: Context) -> dict[MemoryKind, int]:
    """How many live memories there are of each kind."""
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _KINDS, space=row.id)
    return {MemoryKind(one.kind): one.number for one in found}


async def index_fresh(context: Context, batch: int) -> int:
    """Mark fresh vectors as indexed, which puts them into the HNSW index."""
    checker = context.checker()
    checker.whole("batch", batch, 1, 100_000)
    checker.done()
    async with context.transaction() as (connection, row):
        if not row.vector_index:
            return 0
        found = await database.rows(connection, _INDEX_FRESH, space=row.id, generation=row.generation, batch=batch)
    return len(found)


async def delete_space(context: Context) -> None:
    """Delete the space, a part of it at a time: one statement for a large one would run into the time limit."""
    for statement in _PARTS:
        while True:
            async with context.transaction() as (connection, row):
                gone = await database.rows(connection, statement, space=row.id, batch=_DELETED_AT_ONCE)
            if len(gone) < _DELETED_AT_ONCE:
                break
    async with context.transaction() as (connection, row):
        await database.run(connection, "DELETE FROM echo.spaces WHERE id = CAST(:space AS bigint)", space=row.id)


def _memories(found: Iterable[Row[Any]]) -> list[Memory]:
    return [read.memory_of(row) for row in found]


_STATS = """
SELECT
    count(*) FILTER (WHERE state = 'live') AS live,
    count(*) FILTER (WHERE state = 'forgotten') AS forgotten,
    count(*) FILTER (WHERE state = 'merged') AS merged,
    count(*) FILTER (WHERE state = 'live' AND valid_to <= CAST(:now AS timestamptz)) AS superseded,
    (SELECT count(*) FROM echo.embeddings e
        WHERE e.space_id = CAST(:space AS bigint) AND e.fresh AND e.live) AS unindexed,
    (SELECT count(*) FROM echo.associations a WHERE a.space_id = CAST(:space AS bigint)) AS associations,
    (SELECT count(*) FROM echo.patterns p WHERE p.space_id = CAST(:space AS bigint)) AS patterns,
    (SELECT count(*) FROM echo.experiences x WHERE x.space_id = CAST(:space AS bigint)) AS experiences
FROM echo.memories WHERE space_id = CAST(:space AS bigint)
"""
_TIERS = """
SELECT tier, count(*) AS number FROM echo.memories
WHERE space_id = CAST(:space AS bigint) AND state = 'live' GROUP BY tier ORDER BY tier
"""
_KINDS = """
SELECT kind, count(*) AS number FROM echo.memories
WHERE space_id = CAST(:space AS bigint) AND state = 'live' GROUP BY kind ORDER BY kind
"""
_RECENT = f"""
SELECT {read.COLUMNS} FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.state = 'live'
    AND (CAST(:session AS text) IS NULL OR m.session = CAST(:session AS text))
ORDER BY m.occurred_at DESC, m.id DESC LIMIT CAST(:limit AS integer)
"""
_HISTORY = f"""
WITH RECURSIVE before (id) AS (
    SELECT CAST(:start AS uuid)
    UNION
    SELECT next.id FROM before b CROSS JOIN LATERAL (
        SELECT m.supersedes AS id FROM echo.memories m
        WHERE m.space_id = CAST(:space AS bigint) AND m.id = b.id AND m.supersedes IS NOT NULL
        UNION ALL
        SELECT m.id FROM echo.memories m WHERE m.space_id = CAST(:space AS bigint) AND m.merged_into = b.id
    ) next
)
SELECT {read.COLUMNS} FROM echo.memories m JOIN before USING (id)
WHERE m.space_id = CAST(:space AS bigint) AND m.id <> CAST(:start AS uuid)
ORDER BY m.occurred_at DESC, m.id DESC LIMIT CAST(:limit AS integer)
"""
_INDEX_FRESH = """
UPDATE echo.embeddings AS e SET fresh = false
FROM (
    SELECT memory_id FROM echo.embeddings
    WHERE space_id = CAST(:space AS bigint) AND generation = CAST(:generation AS integer) AND fresh AND live
    LIMIT CAST(:batch AS integer) FOR NO KEY UPDATE SKIP LOCKED
) AS part
WHERE e.space_id = CAST(:space AS bigint) AND e.generation = CAST(:generation AS integer)
    AND e.memory_id = part.memory_id
RETURNING e.memory_id
"""


def _part(table: str) -> str:
    return (
        f"DELETE FROM echo.{table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM echo.{table} "
        "WHERE space_id = CAST(:space AS bigint) LIMIT CAST(:batch AS integer))) RETURNING 1"
    )


_PARTS = [
    _part(table)
    for table in (
        "postings", "embeddings", "associations", "memories", "idempotency_keys", "forgetting_log", "judgements",
        "experiences",
        "patterns", "cognitive_states", "identity_snapshots", "turns", "conversations", "goals",
    )
]  # fmt: skip
