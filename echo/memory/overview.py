"""A part of the graph to look at: light nodes and the edges between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database
from echo.memory.context import Context, SpaceRow
from echo.memory.errors import UnknownMemoryError
from echo.memory.kinds import AssociationKind, MemoryKind, Tier
from echo.memory.life import Edge, Node, Overview, OverviewRequest
from echo.memory.read import memories
from echo.memory.records import Filter
from echo.memory.retrieval import filters, words
from echo.memory.weights import RetrievalWeights

MOST_NODES = 5_000
_EDGES_PER_NODE = 6
_LABEL = 120


async def overview(context: Context, request: OverviewRequest, weights: RetrievalWeights) -> Overview:
    """Look at a part of the graph; see :meth:`echo.memory.MemorySpace.overview`."""
    checker = context.checker()
    limit = checker.whole("limit", request.limit, 1, MOST_NODES)
    depth = checker.whole("depth", request.depth, 0, context.limits.walk_depth)
    text = checker.text("q", request.words, most_bytes=context.limits.query_bytes)
    center = checker.identifier("center", request.center)
    until = checker.moment("until", request.until)
    values: dict[str, Any] = {
        "kinds": [str(one) for one in checker.several_of("kinds", request.kinds, MemoryKind)] or None,
        "types": [str(one) for one in checker.several_of("types", request.types, AssociationKind)] or None,
        "until": until,
    }
    checker.done()
    now = context.clock()
    async with context.transaction() as (connection, row):
        if center is not None and not await memories(connection, row.id, [center]):
            raise UnknownMemoryError([center])
        starts: list[UUID] | None = [center] if center is not None else None
        if starts is None and text.strip():
            parameters = filters.check(checker, Filter(superseded=True), now)
            size = await database.one(connection, _SIZE, space=row.id)
            total, mean = (int(size.memories), float(size.words) / max(1, int(size.memories))) if size else (0, 1.0)
            found = await words.matching(
                connection, row, text, count=min(limit, context.limits.results), total=total, mean_words=mean,
                budget=weights.text_budget, parameters=parameters,
            )  # fmt: skip
            starts = [one.id for one in found]
        if starts is None:
            nodes = await database.rows(connection, _FOREMOST, space=row.id, limit=limit + 1, **values)
        else:
            nodes = await _around(connection, row, starts, depth, limit, values)
        truncated = len(nodes) > limit
        ids = [one.id for one in nodes[:limit]]
        most = _EDGES_PER_NODE * max(limit, 10)
        edges = await database.rows(
            connection, _EDGES, space=row.id, ids=ids, limit=most + 1, types=values["types"], until=until
        )
    return Overview(
        nodes=tuple(_node(one) for one in nodes[:limit]),
        edges=tuple(
            Edge(
                source=one.source, target=one.target, kind=AssociationKind(one.kind), weight=one.weight,
                created=one.created_at,
            )
            for one in edges[:most]
        ),
        truncated=truncated or len(edges) > most,
    )  # fmt: skip


async def _around(
    connection: AsyncConnection, row: SpaceRow, starts: Sequence[UUID], depth: int, limit: int, values: dict[str, Any]
) -> list[Any]:
    """Nodes by hops from the starts; one hop a query, so that a hub cannot bring more than the limit at once."""
    seen: dict[UUID, None] = dict.fromkeys(starts)
    front = list(starts)
    for _ in range(depth):
        if not front or len(seen) > limit:
            break
        found = await database.rows(
            connection, _NEXT, space=row.id, front=front, seen=list(seen), limit=limit + 1, types=values["types"],
            until=values["until"],
        )  # fmt: skip
        front = [one.id for one in found]
        seen |= dict.fromkeys(front)
    given = {
        one.id: one
        for one in await database.rows(connection, _NAMED, space=row.id, ids=list(seen), limit=len(seen), **values)
    }
    return [given[one] for one in seen if one in given]


def _node(row: Any) -> Node:
    return Node(
        id=row.id, kind=MemoryKind(row.kind), tier=Tier(row.tier), label=row.label, importance=row.importance,
        strength=row.strength, valence=row.valence, arousal=row.arousal, created=row.occurred_at,
    )  # fmt: skip


_SIZE = """
SELECT COALESCE(sum(memories), 0) AS memories, COALESCE(sum(words), 0) AS words FROM echo.counters
WHERE space_id = CAST(:space AS bigint)
"""
_COLUMNS = f"""
m.id, m.kind, m.tier, substr(m.content, 1, {_LABEL}) AS label, m.importance, m.strength, m.valence, m.arousal,
m.occurred_at
"""
_LIVE = """
m.space_id = CAST(:space AS bigint) AND m.state = 'live'
    AND (CAST(:kinds AS text[]) IS NULL OR m.kind = ANY (CAST(:kinds AS text[])))
    AND (CAST(:until AS timestamptz) IS NULL OR m.occurred_at < CAST(:until AS timestamptz))
    AND (CAST(:types AS text[]) IS NULL OR true)
"""
_FOREMOST = f"""
SELECT {_COLUMNS} FROM echo.memories m WHERE {_LIVE}
ORDER BY m.importance DESC, m.occurred_at DESC, m.id LIMIT CAST(:limit AS integer)
"""
_NAMED = f"""
SELECT {_COLUMNS} FROM echo.memories m WHERE {_LIVE} AND m.id = ANY (CAST(:ids AS uuid[]))
LIMIT CAST(:limit AS integer)
"""
_THEN = """
    AND (CAST(:types AS text[]) IS NULL OR a.kind = ANY (CAST(:types AS text[])))
    AND (CAST(:until AS timestamptz) IS NULL OR a.created_at < CAST(:until AS timestamptz))
"""
_NEXT = f"""
SELECT next.id FROM (
    SELECT a.target AS id, a.weight FROM echo.associations a
    WHERE a.space_id = CAST(:space AS bigint) AND a.source = ANY (CAST(:front AS uuid[])) {_THEN}
    UNION ALL
    SELECT a.source, a.weight FROM echo.associations a
    WHERE a.space_id = CAST(:space AS bigint) AND a.target = ANY (CAST(:front AS uuid[])) {_THEN}
) next
WHERE next.id <> ALL (CAST(:seen AS uuid[]))
GROUP BY next.id ORDER BY max(next.weight) DESC, next.id LIMIT CAST(:limit AS integer)
"""
_EDGES = f"""
SELECT a.source, a.target, a.kind, a.weight, a.created_at FROM echo.associations a
WHERE a.space_id = CAST(:space AS bigint) AND a.source = ANY (CAST(:ids AS uuid[]))
    AND a.target = ANY (CAST(:ids AS uuid[])) {_THEN}
ORDER BY a.weight DESC, a.source, a.target, a.kind LIMIT CAST(:limit AS integer)
"""
