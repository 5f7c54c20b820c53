"""Consolidation: what is new is compared with what is there, what lasts moves on, experiences become patterns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database, examination, learning
from echo.memory.context import Context, SpaceRow
from echo.memory.examination import Examined
from echo.memory.extraction import observations_of
from echo.memory.kinds import Tier
from echo.memory.likeness import Thresholds
from echo.memory.records import ConsolidationReport, Experience, Observation


@dataclass(frozen=True, kw_only=True)
class ConsolidationPolicy:
    """When a memory moves on, what counts as the same, and how much one run does."""

    settle_minutes: float = 60.0
    """A working memory becomes short-term after this."""
    lasting_days: float = 1.0
    """A short-term memory can become long-term after this."""
    lasting_importance: float = 0.6
    """... if it is at least this important"""
    lasting_accesses: int = 2
    """... or was accessed at least this often."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    neighbours: int = 10
    """Nearest memories that a new one is compared with."""
    links: int = 3
    """Edges to like memories that a new one gets, at most."""
    follow_weight: float = 0.7
    """Of the edge to what came before in the same session; 0 for none."""
    pattern_floor: float = 0.1
    """A pattern weaker than this is dropped ..."""
    pattern_days: float = 1.0
    """... once it was not seen for this long."""
    batch: int = 100
    """Memories of one transaction."""
    limit: int = 10_000
    """Memories and experiences of one run."""
    extract: Callable[[Experience], Sequence[Observation]] = field(default=observations_of)
    """Finds the regularities in one experience."""


class _UndoError(Exception):
    pass


@dataclass
class _Tally:
    examined: int = 0
    promoted: Counter[Tier] = field(default_factory=Counter[Tier])
    merged: list[tuple[UUID, UUID]] = field(default_factory=list[tuple[UUID, UUID]])
    contradictions: list[tuple[UUID, UUID]] = field(default_factory=list[tuple[UUID, UUID]])
    linked: int = 0
    reinforced: int = 0
    created: int = 0

    def add(self, part: Examined) -> None:
        self.examined += part.examined
        self.merged += part.merged
        self.contradictions += part.contradictions
        self.linked += part.linked


async def consolidate(context: Context, policy: ConsolidationPolicy, *, dry_run: bool) -> ConsolidationReport:
    """Run it; see :meth:`echo.memory.MemorySpace.consolidate`."""
    now = context.clock()
    tally = _Tally()
    if dry_run:
        try:
            async with context.transaction() as (connection, row):
                while await _part(connection, context, row, policy, now, tally):
                    pass
                # Done for real and taken back: so what it says is what a run would do.
                raise _UndoError  # noqa: TRY301
        except _UndoError:
            pass
    else:
        more = True
        while more:
            async with context.transaction() as (connection, row):
                more = await _part(connection, context, row, policy, now, tally)
    return ConsolidationReport(
        examined=tally.examined,
        promoted=dict(tally.promoted),
        merged=tuple(tally.merged),
        linked=tally.linked,
        contradictions=tuple(tally.contradictions),
        patterns_reinforced=tally.reinforced,
        patterns_created=tally.created,
        dry_run=dry_run,
    )


async def _part(
    connection: AsyncConnection,
    context: Context,
    space: SpaceRow,
    policy: ConsolidationPolicy,
    now: datetime,
    tally: _Tally,
) -> bool:
    """One transaction's worth; whether there is more."""
    lock = await database.one(connection, _ONE_AT_A_TIME, space=space.id)
    if lock is None or not lock.mine:
        return False
    if tally.examined < policy.limit:
        part = await examination.examine(connection, space, policy, now)
        tally.add(part)
        if part.examined:
            return True
    learned = await _learn(connection, context, space, policy, now, tally)
    promoted = await _promote(connection, space, policy, now, tally)
    if learned or promoted:
        return True
    await database.run(
        connection, _PRUNE, space=space.id, floor=policy.pattern_floor,
        before=now - timedelta(days=policy.pattern_days),
    )  # fmt: skip
    return False


async def _promote(
    connection: AsyncConnection, space: SpaceRow, policy: ConsolidationPolicy, now: datetime, tally: _Tally
) -> bool:
    settled = await database.rows(
        connection, _SETTLE, space=space.id, before=now - timedelta(minutes=policy.settle_minutes), batch=policy.batch
    )
    lasting = await database.rows(
        connection, _LAST, space=space.id, before=now - timedelta(days=policy.lasting_days), batch=policy.batch,
        importance=policy.lasting_importance, accesses=policy.lasting_accesses,
    )  # fmt: skip
    tally.promoted[Tier.SHORT_TERM] += len(settled)
    tally.promoted[Tier.LONG_TERM] += len(lasting)
    return bool(settled or lasting)


async def _learn(
    connection: AsyncConnection,
    context: Context,
    space: SpaceRow,
    policy: ConsolidationPolicy,
    now: datetime,
    tally: _Tally,
) -> bool:
    waiting = await database.rows(connection, _WAITING, space=space.id, batch=policy.batch)
    if not waiting:
        return False
    checker = context.checker()
    observations = [
        learning.check(checker, f"extract({row.id})[{i}]", seen)
        for row in waiting
        for i, seen in enumerate(policy.extract(learning.experience_of(row)))
    ]
    checker.done()
    seen, made = await learning.observe_in(connection, context, space.id, observations, now)
    await database.run(connection, _LEARNED, space=space.id, ids=[row.id for row in waiting], now=now)
    tally.created += made
    tally.reinforced += len(seen) - made
    return True


_ONE_AT_A_TIME = """
SELECT pg_try_advisory_xact_lock(hashtextextended('echo.consolidate', CAST(:space AS bigint))) AS mine
"""
_SETTLE = """
UPDATE echo.memories AS m SET tier = 'short_term', changed_at = GREATEST(m.changed_at, m.recorded_at)
WHERE m.space_id = CAST(:space AS bigint) AND m.id IN (
    SELECT id FROM echo.memories
    WHERE space_id = CAST(:space AS bigint) AND tier = 'working' AND state = 'live'
        AND recorded_at <= CAST(:before AS timestamptz)
    ORDER BY id LIMIT CAST(:batch AS integer) FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING m.id
"""
_LAST = """
UPDATE echo.memories AS m SET tier = 'long_term'
WHERE m.space_id = CAST(:space AS bigint) AND m.id IN (
    SELECT id FROM echo.memories
    WHERE space_id = CAST(:space AS bigint) AND tier = 'short_term' AND state = 'live'
        AND recorded_at <= CAST(:before AS timestamptz)
        AND (importance >= CAST(:importance AS real) OR access_count >= CAST(:accesses AS integer))
    ORDER BY id LIMIT CAST(:batch AS integer) FOR NO KEY UPDATE SKIP LOCKED
)
RETURNING m.id
"""
_WAITING = """
SELECT * FROM echo.experiences WHERE space_id = CAST(:space AS bigint) AND consolidated_at IS NULL
ORDER BY occurred_at, id LIMIT CAST(:batch AS integer) FOR UPDATE SKIP LOCKED
"""
_LEARNED = """
UPDATE echo.experiences SET consolidated_at = CAST(:now AS timestamptz)
WHERE space_id = CAST(:space AS bigint) AND id = ANY (CAST(:ids AS uuid[]))
"""
_PRUNE = """
DELETE FROM echo.patterns WHERE space_id = CAST(:space AS bigint)
    AND strength < CAST(:floor AS real) AND last_seen < CAST(:before AS timestamptz)
"""
