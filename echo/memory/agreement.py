"""How the memories of a space hang together: what supports what, what contradicts what, and giving one up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from echo.memory import database
from echo.memory.context import Context
from echo.memory.encode import LOG, SUPERSEDE
from echo.memory.errors import UnknownMemoryError
from echo.memory.kinds import AssociationKind, ForgettingAction

_EDGES = 5_000
"""Edges at the disputed memories that are looked at, the heaviest first."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """The weight of all edges that bind two live memories, and of those that are kept to."""

    satisfied: float
    """Supporting edges with both ends held or neither; contradicting ones with exactly one end held."""
    total: float
    disputed: int
    """Contradicting edges with both ends held."""


@dataclass(frozen=True, kw_only=True)
class Disputed:
    """A memory that another one contradicts, both of them held."""

    id: UUID
    sources: int
    """Pieces of evidence that it was made from, at least 1."""
    importance: float


@dataclass(frozen=True, kw_only=True)
class Bond:
    """An edge at a disputed memory."""

    source: UUID
    target: UUID
    kind: AssociationKind
    weight: float
    source_held: bool
    target_held: bool


@dataclass(frozen=True, kw_only=True)
class Disputes:
    """Contradictions that nobody settled, with what bears on them."""

    memories: tuple[Disputed, ...]
    bonds: tuple[Bond, ...]


@dataclass(frozen=True, kw_only=True)
class GivenUp:
    """A memory that no longer holds, since another one that contradicts it has more behind it."""

    loser: UUID
    winner: UUID
    reason: str


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """What waits for a consolidation."""

    experiences: int
    unexamined: int
    live: int
    """Memories that can be found, for comparison."""


async def agreement(context: Context) -> Agreement:
    """Measure the whole space; reads every edge."""
    async with context.transaction() as (connection, row):
        [found] = await database.rows(connection, _AGREEMENT, space=row.id, now=context.clock())
    return Agreement(satisfied=found.satisfied, total=found.total, disputed=found.disputed)


async def disputes(context: Context, limit: int) -> Disputes:
    """Contradictions between memories that are both held, the latest first, with every edge at them."""
    checker = context.checker()
    checker.whole("limit", limit, 1, context.limits.batch)
    checker.done()
    now = context.clock()
    async with context.transaction() as (connection, row):
        pairs = await database.rows(connection, _DISPUTES, space=row.id, now=now, limit=limit)
        ids = sorted({end for pair in pairs for end in (pair.source, pair.target)})
        if not ids:
            return Disputes(memories=(), bonds=())
        found = await database.rows(connection, _DISPUTED, space=row.id, ids=ids)
        bonds = await database.rows(connection, _BONDS, space=row.id, ids=ids, now=now, limit=_EDGES)
    return Disputes(
        memories=tuple(Disputed(id=one.id, sources=max(1, one.sources), importance=one.importance) for one in found),
        bonds=tuple(
            Bond(
                source=one.source, target=one.target, kind=AssociationKind(one.kind), weight=one.weight,
                source_held=one.source_held, target_held=one.target_held,
            )
            for one in bonds
        ),
    )  # fmt: skip


async def give_up(context: Context, given: Iterable[GivenUp]) -> int:
    """End the validity of memories as of now; each stays, with the reason in the log. Returns how many held."""
    checker = context.checker()
    ready: Sequence[GivenUp] = checker.many("given", given, GivenUp)
    for i, one in enumerate(ready):
        checker.identifiers(f"given[{i}]", [one.loser, one.winner])
        checker.text(f"given[{i}].reason", one.reason, most_bytes=1_024, empty=False)
    checker.done()
    if not ready:
        return 0
    now = context.clock()
    by_loser = {one.loser: one for one in ready}
    losers = sorted(by_loser)
    async with context.transaction() as (connection, row):
        there = await database.rows(connection, _HELD, space=row.id, ids=losers, now=now)
        if missing := sorted(set(losers) - {one.id for one in there}):
            raise UnknownMemoryError(missing)
        held = [one.id for one in there if one.held]
        if held:
            await database.rows(
                connection, SUPERSEDE, space=row.id, olds=held, since=[now for _ in held], now=now
            )  # fmt: skip
            await database.run(
                connection, LOG, space=row.id, ids=held, action=str(ForgettingAction.SUPERSEDED), now=now,
                reasons=[by_loser[one].reason for one in held], retentions=[None for _ in held],
            )  # fmt: skip
    return len(held)


async def backlog(context: Context) -> Backlog:
    """Count what waits."""
    async with context.transaction() as (connection, row):
        found: Any = await database.one(connection, _BACKLOG, space=row.id)
    return Backlog(experiences=found.experiences, unexamined=found.unexamined, live=found.live)


# A pair that is marked as a contradiction is often alike too, which is no reason to hold both.
_BINDING = """
a.space_id = CAST(:space AS bigint) AND a.kind <> 'follows' AND s.state = 'live' AND t.state = 'live'
    AND (a.kind = 'contradicts' OR NOT EXISTS (
        SELECT FROM echo.associations c WHERE c.space_id = CAST(:space AS bigint) AND c.kind = 'contradicts'
            AND ((c.source = a.source AND c.target = a.target) OR (c.source = a.target AND c.target = a.source))
    ))
"""
_ENDS = """
FROM echo.associations a
JOIN echo.memories s ON s.space_id = a.space_id AND s.id = a.source
JOIN echo.memories t ON t.space_id = a.space_id AND t.id = a.target
"""
_HOLDS = "({0}.valid_to IS NULL OR {0}.valid_to > CAST(:now AS timestamptz))"
_BOTH = f"{_HOLDS.format('s')} AND {_HOLDS.format('t')}"
_AGREEMENT = f"""
SELECT COALESCE(sum(weight), 0)::float8 AS total,
    COALESCE(sum(weight) FILTER (WHERE (s_held = t_held) = (kind <> 'contradicts')), 0)::float8 AS satisfied,
    count(*) FILTER (WHERE kind = 'contradicts' AND s_held AND t_held) AS disputed
FROM (
    SELECT a.weight, a.kind, {_HOLDS.format("s")} AS s_held, {_HOLDS.format("t")} AS t_held {_ENDS} WHERE {_BINDING}
) bonds
"""
_DISPUTES = f"""
SELECT a.source, a.target {_ENDS} WHERE {_BINDING} AND a.kind = 'contradicts' AND {_BOTH}
ORDER BY a.created_at DESC, a.source, a.target LIMIT CAST(:limit AS integer)
"""
_DISPUTED = """
SELECT id, cardinality(source_ids) AS sources, importance FROM echo.memories
WHERE space_id = CAST(:space AS bigint) AND id = ANY (CAST(:ids AS uuid[])) ORDER BY id
"""
_BONDS = f"""
SELECT a.source, a.target, a.kind, a.weight, {_HOLDS.format("s")} AS source_held, {_HOLDS.format("t")} AS target_held
{_ENDS} WHERE {_BINDING} AND (a.source = ANY (CAST(:ids AS uuid[])) OR a.target = ANY (CAST(:ids AS uuid[])))
ORDER BY (a.kind = 'contradicts') DESC, a.weight DESC, a.source, a.target, a.kind LIMIT CAST(:limit AS integer)
"""
_HELD = f"""
SELECT m.id, {_HOLDS.format("m")} AS held FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.state = 'live' AND m.id = ANY (CAST(:ids AS uuid[]))
ORDER BY m.id FOR NO KEY UPDATE
"""
_BACKLOG = """
SELECT
    (SELECT count(*) FROM echo.experiences
        WHERE space_id = CAST(:space AS bigint) AND consolidated_at IS NULL) AS experiences,
    (SELECT count(*) FROM echo.memories
        WHERE space_id = CAST(:space AS bigint) AND examined_at IS NULL AND state = 'live') AS unexamined,
    (SELECT COALESCE(sum(memories), 0) FROM echo.counters WHERE space_id = CAST(:space AS bigint))::bigint AS live
"""
