"""Cognitive states and identities, kept as they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from echo.memory import database, read
from echo.memory.context import Context
from echo.memory.records import Snapshot

STATES = "cognitive_states"
IDENTITIES = "identity_snapshots"


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """What a state becomes."""

    content: Mapping[str, Any]
    coherence: float | None = None
    reason: str = ""


async def save(
    context: Context, table: str, content: Mapping[str, Any], coherence: float | None, reason: str
) -> Snapshot:
    """Keep one."""
    checker = context.checker()
    text = checker.document("content", content, most_bytes=context.limits.state_bytes)
    level = None if coherence is None else checker.number("coherence", coherence, 0, 1)
    why = checker.label("reason", reason)
    checker.done()
    async with context.transaction() as (connection, row):
        [made] = await database.rows(
            connection, _SAVE[table], space=row.id, now=context.clock(), coherence=level, content=text, reason=why
        )
    return _snapshot(made)


async def advance(context: Context, change: Callable[[Snapshot | None], Advanced | None]) -> Snapshot | None:
    """Keep the state that follows from the latest one; see :meth:`echo.memory.MemorySpace.advance_state`."""
    async with context.transaction() as (connection, row):
        # Or two that learn at once would both go on from the same state, and one of them would be lost.
        await database.run(connection, _ONE_ADVANCES, space=row.id)
        found = await database.rows(connection, _LATEST[STATES], space=row.id, limit=1)
        before = _snapshot(found[0]) if found else None
        after = change(before)
        if after is None:
            return before
        checker = context.checker()
        text = checker.document("content", after.content, most_bytes=context.limits.state_bytes)
        level = None if after.coherence is None else checker.number("coherence", after.coherence, 0, 1)
        why = checker.label("reason", after.reason)
        checker.done()
        [made] = await database.rows(
            connection, _SAVE[STATES], space=row.id, now=context.clock(), coherence=level, content=text, reason=why
        )
    return _snapshot(made)


async def latest(context: Context, table: str, limit: int) -> list[Snapshot]:
    """The latest ones, latest first."""
    checker = context.checker()
    checker.whole("limit", limit, 1, context.limits.batch)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _LATEST[table], space=row.id, limit=limit)
    return [_snapshot(one) for one in found]


async def between(
    context: Context, table: str, since: datetime | None, until: datetime | None, points: int
) -> list[Snapshot]:
    """Of the snapshots of a span of time, so many that lie evenly among them, oldest first; the last is always in."""
    checker = context.checker()
    values = {"since": checker.moment("since", since), "until": checker.moment("until", until)}
    checker.whole("points", points, 1, context.limits.batch)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _BETWEEN[table], space=row.id, points=points, **values)
    return [_snapshot(one) for one in found]


def _snapshot(row: Any) -> Snapshot:
    return Snapshot(
        id=row.id, taken_at=row.taken_at, coherence=row.coherence, content=read.document(row.content), reason=row.reason
    )


_ONE_ADVANCES = "SELECT pg_advisory_xact_lock(hashtextextended('echo.state', CAST(:space AS bigint)))"
_SAVE = {
    table: f"""
INSERT INTO echo.{table} (space_id, taken_at, coherence, content, reason)
VALUES (CAST(:space AS bigint), CAST(:now AS timestamptz), CAST(:coherence AS real),
    CAST(CAST(:content AS text) AS jsonb), CAST(:reason AS text))
RETURNING id, taken_at, coherence, content, reason
"""
    for table in (STATES, IDENTITIES)
}
_LATEST = {
    table: f"""
SELECT id, taken_at, coherence, content, reason FROM echo.{table}
WHERE space_id = CAST(:space AS bigint) ORDER BY id DESC LIMIT CAST(:limit AS integer)
"""
    for table in (STATES, IDENTITIES)
}
_BETWEEN = {
    table: f"""
SELECT id, taken_at, coherence, content, reason FROM (
    SELECT s.*, row_number() OVER (ORDER BY taken_at DESC, id DESC) - 1 AS place, count(*) OVER () AS number
    FROM echo.{table} s
    WHERE s.space_id = CAST(:space AS bigint)
        AND (CAST(:since AS timestamptz) IS NULL OR s.taken_at >= CAST(:since AS timestamptz))
        AND (CAST(:until AS timestamptz) IS NULL OR s.taken_at < CAST(:until AS timestamptz))
) numbered
WHERE place = 0 OR (place * CAST(:points AS bigint)) / number <> ((place - 1) * CAST(:points AS bigint)) / number
ORDER BY taken_at, id
"""
    for table in (STATES, IDENTITIES)
}
