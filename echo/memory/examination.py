"""Comparing new memories with what is near them: duplicates, contradictions, likenesses, what they follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database, read
from echo.memory.context import SpaceRow
from echo.memory.encode import LOG, SUPERSEDE
from echo.memory.forgetting import hide
from echo.memory.kinds import AssociationKind, ForgettingAction, MemoryKind
from echo.memory.likeness import Relation, Statement, newer, relation
from echo.memory.retrieval import filters, vector
from echo.memory.retrieval.vector import Found

if TYPE_CHECKING:
    from echo.memory.consolidation import ConsolidationPolicy

_INDEXED_FROM = 10_000


@dataclass
class Examined:
    """What one batch brought."""

    examined: int = 0
    merged: list[tuple[UUID, UUID]] = field(default_factory=list[tuple[UUID, UUID]])
    contradictions: list[tuple[UUID, UUID]] = field(default_factory=list[tuple[UUID, UUID]])
    linked: int = 0


async def examine(connection: AsyncConnection, space: SpaceRow, policy: ConsolidationPolicy, now: datetime) -> Examined:
    """Look at the next memories that nobody looked at."""
    done = Examined()
    fresh = await database.rows(connection, _UNEXAMINED, space=space.id, batch=policy.batch)
    if not fresh:
        return done
    size = await database.one(
        connection, "SELECT COALESCE(sum(memories), 0) AS live FROM echo.counters WHERE space_id = CAST(:s AS bigint)",
        s=space.id,
    )  # fmt: skip
    indexed = size is not None and size.live > _INDEXED_FROM
    gone: set[UUID] = set()
    for row in fresh:
        done.examined += 1
        near = await _neighbours(connection, space, row, policy.neighbours, now, indexed=indexed)
        likes = await _compare(connection, space, row, near, gone, policy, now, done)
        if row.id not in gone:
            done.linked += await _link(connection, space, row.id, likes[: policy.links], now)
            if policy.follow_weight > 0 and row.session:
                done.linked += await _follow(connection, space, row, policy.follow_weight, now)
    await database.run(connection, _EXAMINED, space=space.id, ids=[row.id for row in fresh], now=now)
    return done


async def _compare(
    connection: AsyncConnection,
    space: SpaceRow,
    row: Row[Any],
    near: Sequence[Found],
    gone: set[UUID],
    policy: ConsolidationPolicy,
    now: datetime,
    done: Examined,
) -> list[tuple[UUID, float]]:
    """Merge or mark what there is to be; returns the earlier memories that are only alike, nearest first."""
    one = _statement(row)
    others = await database.rows(connection, _STATEMENTS, space=space.id, ids=[found.id for found in near])
    by_id = {other.id: _statement(other) for other in others if other.id not in gone}
    likes: list[tuple[UUID, float]] = []
    for found in near:
        other = by_id.get(found.id)
        if other is None:
            continue
        what = relation(one, other, found.score, policy.thresholds)
        if what is Relation.DUPLICATE and _earlier(other, one):
            await _merge(connection, space, one, other, found.score, now)
            gone.add(one.id)
            done.merged.append((one.id, other.id))
            return []
        if what is Relation.CONTRADICTION:
            if resolved := await _contradict(connection, space, one, other, now):
                done.contradictions.append(resolved)
                if resolved[0] == one.id:
                    return likes
        elif what is Relation.ALIKE and _earlier(other, one):
            likes.append((found.id, found.score))
    return likes


def _statement(row: Row[Any]) -> Statement:
    return Statement(
        id=row.id, content=row.content, kind=MemoryKind(row.kind), source=row.source, recorded_at=row.recorded_at,
        valid_from=row.valid_from, metadata=read.document(row.metadata),
    )  # fmt: skip


def _earlier(one: Statement, other: Statement) -> bool:
    return (one.recorded_at, one.id) < (other.recorded_at, other.id)


async def _neighbours(
    connection: AsyncConnection, space: SpaceRow, row: Row[Any], count: int, now: datetime, *, indexed: bool
) -> list[Found]:
    found = await vector.nearest(
        connection, space, row.embedding, count=count + 1, indexed=indexed, parameters=filters.current(now)
    )
    return [one for one in found if one.id != row.id][:count]


async def _merge(
    connection: AsyncConnection, space: SpaceRow, one: Statement, into: Statement, cosine: float, now: datetime
) -> None:
    """The earlier one stays and takes over what the later one had; the later one is kept as its history."""
    pair = {"space": space.id, "gone": one.id, "kept": into.id}
    await database.run(connection, _ABSORB, now=now, **pair)
    await database.run(connection, _MERGED, now=now, **pair)
    await database.run(connection, _MOVE_EDGES, **pair)
    await database.run(connection, _DROP_EDGES, space=space.id, gone=one.id)
    await hide(connection, space.id, [one.id])
    await database.run(
        connection, LOG, space=space.id, ids=[one.id], action=str(ForgettingAction.MERGED), now=now,
        reasons=[f"near-duplicate of {into.id} (cosine {cosine:.4f})"], retentions=[None],
    )  # fmt: skip


async def _contradict(
    connection: AsyncConnection, space: SpaceRow, one: Statement, other: Statement, now: datetime
) -> tuple[UUID, UUID] | None:
    """Mark it; resolve it to the newer fact where both come from the same source."""
    new, old = newer(one, other)
    marked = await _edges(connection, space, [(new.id, old.id, 1.0)], AssociationKind.CONTRADICTS, now)
    if not marked or new.source != old.source:
        # Two witnesses who disagree: which of them errs cannot be told from the order in which they spoke.
        return None
    ended = await database.rows(connection, SUPERSEDE, space=space.id, olds=[old.id], since=[new.valid_from], now=now)
    if not ended:
        return None
    await database.run(connection, _SUPERSEDES, space=space.id, new=new.id, old=old.id)
    await database.run(
        connection, LOG, space=space.id, ids=[old.id], action=str(ForgettingAction.SUPERSEDED), now=now,
        reasons=[f"contradicted by the newer {new.id}"], retentions=[None],
    )  # fmt: skip
    return old.id, new.id


async def _link(
    connection: AsyncConnection, space: SpaceRow, one: UUID, likes: Sequence[tuple[UUID, float]], now: datetime
) -> int:
    edges = [(one, other, min(1.0, cosine)) for other, cosine in likes]
    return await _edges(connection, space, edges, AssociationKind.SIMILAR_TO, now)


async def _follow(connection: AsyncConnection, space: SpaceRow, row: Row[Any], weight: float, now: datetime) -> int:
    before = await database.one(
        connection, _BEFORE, space=space.id, session=row.session, occurred=row.occurred_at, id=row.id
    )
    if before is None:
        return 0
    return await _edges(connection, space, [(row.id, before.id, weight)], AssociationKind.FOLLOWS, now)


async def _edges(
    connection: AsyncConnection,
    space: SpaceRow,
    edges: Sequence[tuple[UUID, UUID, float]],
    kind: AssociationKind,
    now: datetime,
) -> int:
    if not edges:
        return 0
    made = await database.rows(
        connection, _ADD_EDGES, space=space.id, kind=str(kind), now=now, sources=[edge[0] for edge in edges],
        targets=[edge[1] for edge in edges], weights=[edge[2] for edge in edges],
    )  # fmt: skip
    return len(made)


_FIELDS = "m.id, m.content, m.kind, m.source, m.session, m.recorded_at, m.occurred_at, m.valid_from, m.metadata"
_UNEXAMINED = f"""
SELECT {_FIELDS}, e.embedding FROM echo.memories m
JOIN echo.spaces s ON s.id = m.space_id
JOIN echo.embeddings e ON e.space_id = m.space_id AND e.memory_id = m.id AND e.generation = s.generation
WHERE m.space_id = CAST(:space AS bigint) AND m.examined_at IS NULL AND m.state = 'live'
ORDER BY m.recorded_at, m.id LIMIT CAST(:batch AS integer) FOR NO KEY UPDATE OF m SKIP LOCKED
"""
_STATEMENTS = f"""
SELECT {_FIELDS} FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[]))
"""
_EXAMINED = """
UPDATE echo.memories SET examined_at = CAST(:now AS timestamptz)
WHERE space_id = CAST(:space AS bigint) AND id = ANY (CAST(:ids AS uuid[]))
"""
_ABSORB = """
UPDATE echo.memories AS k SET
    importance = GREATEST(k.importance, g.importance),
    access_count = k.access_count + g.access_count,
    accessed_at = GREATEST(k.accessed_at, g.accessed_at),
    strength = GREATEST(k.strength, g.strength),
    valid_from = LEAST(k.valid_from, g.valid_from),
    tags = ARRAY(SELECT DISTINCT t FROM unnest(k.tags || g.tags) t ORDER BY t),
    source_ids = ARRAY(SELECT DISTINCT t FROM unnest(k.source_ids || g.source_ids) t ORDER BY t),
    changed_at = CAST(:now AS timestamptz)
FROM echo.memories g
WHERE k.space_id = CAST(:space AS bigint) AND k.id = CAST(:kept AS uuid)
    AND g.space_id = CAST(:space AS bigint) AND g.id = CAST(:gone AS uuid)
"""
_MERGED = """
UPDATE echo.memories SET state = 'merged', merged_into = CAST(:kept AS uuid), changed_at = CAST(:now AS timestamptz),
    examined_at = CAST(:now AS timestamptz)
WHERE space_id = CAST(:space AS bigint) AND id = CAST(:gone AS uuid)
"""
_MOVE_EDGES = """
INSERT INTO echo.associations AS a (space_id, source, target, kind, weight, strengthened, created_at, activated_at)
SELECT space_id, CASE source WHEN CAST(:gone AS uuid) THEN CAST(:kept AS uuid) ELSE source END,
    CASE target WHEN CAST(:gone AS uuid) THEN CAST(:kept AS uuid) ELSE target END,
    kind, weight, strengthened, created_at, activated_at
FROM echo.associations
WHERE space_id = CAST(:space AS bigint)
    AND ((source = CAST(:gone AS uuid) AND target <> CAST(:kept AS uuid))
        OR (target = CAST(:gone AS uuid) AND source <> CAST(:kept AS uuid)))
ON CONFLICT (space_id, source, target, kind) DO UPDATE SET weight = GREATEST(a.weight, excluded.weight)
"""
_DROP_EDGES = """
DELETE FROM echo.associations WHERE space_id = CAST(:space AS bigint)
    AND (source = CAST(:gone AS uuid) OR target = CAST(:gone AS uuid))
"""
_SUPERSEDES = """
UPDATE echo.memories SET supersedes = COALESCE(supersedes, CAST(:old AS uuid))
WHERE space_id = CAST(:space AS bigint) AND id = CAST(:new AS uuid)
"""
_BEFORE = """
SELECT m.id FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.session = CAST(:session AS text) AND m.session <> ''
    AND m.state = 'live' AND (m.occurred_at, m.id) < (CAST(:occurred AS timestamptz), CAST(:id AS uuid))
ORDER BY m.occurred_at DESC, m.id DESC LIMIT 1
"""
_ADD_EDGES = """
INSERT INTO echo.associations (space_id, source, target, kind, weight, created_at, activated_at)
SELECT CAST(:space AS bigint), g.source, g.target, CAST(:kind AS text), g.weight, CAST(:now AS timestamptz),
    CAST(:now AS timestamptz)
FROM unnest(CAST(:sources AS uuid[]), CAST(:targets AS uuid[]), CAST(:weights AS real[])) AS g (source, target, weight)
ON CONFLICT DO NOTHING RETURNING source
"""
