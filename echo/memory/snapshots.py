"""Cognitive states and identities, kept as they were."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from echo.memory import database, read
from echo.memory.context import Context
from echo.memory.records import Snapshot

STATES = "cognitive_states"
IDENTITIES = "identity_snapshots"
_LATEST_KEPT = 2
"""However old they are: a mind goes on from the last, and compares it with the one before."""
_AGES = timedelta(days=365_000)
_MOST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """What a state becomes."""

    content: Mapping[str, Any]
    coherence: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """How long snapshots are kept: all at first, then one an hour, then one a day (UTC), the last of each."""

    whole: timedelta = timedelta(days=7)
    hourly: timedelta = timedelta(days=90)
    daily: timedelta | None = None
    """Older ones go; None keeps one a day for ever."""


async def thin(context: Context, keeping: Keeping, limit: int) -> int:
    """Delete what is not kept of states and identities; see :meth:`echo.memory.MemorySpace.thin_snapshots`."""
    checker = context.checker()
    spans = [keeping.whole, keeping.hourly, *([] if keeping.daily is None else [keeping.daily])]
    if spans != sorted(spans) or spans[0] < timedelta(0) or spans[-1] > _AGES:
        checker.fault("keeping", f"must rise from whole to daily, from 0 to {_AGES.days} days")
    checker.whole("limit", limit, 1, _MOST)
    checker.done()
    now = context.clock()
    gone = 0
    async with context.transaction() as (connection, row):
        for table in (STATES, IDENTITIES):
            found = await database.rows(
                connection, _THIN[table], space=row.id, limit=limit, whole=now - keeping.whole,
                hourly=now - keeping.hourly, daily=None if keeping.daily is None else now - keeping.daily,
            )  # fmt: skip
            gone += len(found)
    return gone


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
_THIN = {
    table: f"""
DELETE FROM echo.{table} s USING (
    SELECT id, taken_at, row_number() OVER (ORDER BY id DESC) AS latest, row_number() OVER (
        PARTITION BY date_trunc(
            CASE WHEN taken_at >= CAST(:hourly AS timestamptz) THEN 'hour' ELSE 'day' END, taken_at, 'UTC'
        ), taken_at >= CAST(:hourly AS timestamptz)
        ORDER BY taken_at DESC, id DESC
    ) AS place
    FROM echo.{table} WHERE space_id = CAST(:space AS bigint)
    ORDER BY id LIMIT CAST(:limit AS integer)
) seen
WHERE s.space_id = CAST(:space AS bigint) AND s.id = seen.id AND seen.latest > {_LATEST_KEPT}
    AND seen.taken_at < CAST(:whole AS timestamptz)
    AND (seen.place > 1 OR seen.taken_at < CAST(:daily AS timestamptz))
RETURNING s.id
"""
    for table in (STATES, IDENTITIES)
}
