"""The arm that finds by association: activation spreads from the best hits over the edges."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database
from echo.memory.context import SpaceRow
from echo.memory.kinds import AssociationKind
from echo.memory.retrieval.filters import statement
from echo.memory.retrieval.vector import Found
from echo.memory.weights import ACTIVATION, RetrievalWeights


@dataclass(frozen=True)
class Edge:
    """An edge as activation sees it: it passes either way."""

    source: UUID
    target: UUID
    kind: AssociationKind
    weight: float


@dataclass(frozen=True)
class Activation:
    """How strongly a memory was reached, and by which way most of it came."""

    value: float
    path: tuple[UUID, ...]


def spread(active: Mapping[UUID, Activation], edges: Sequence[Edge], *, decay: float) -> dict[UUID, Activation]:
    """One hop: what each neighbour receives.

    A memory hands on ``value x decay x weight x kind``, and what it hands on is shared among its edges in proportion:
    so the sum that arrives is never more than what left, and a hub does not light up everything around it.
    """
    flows: dict[UUID, dict[UUID, float]] = {}
    for edge in edges:
        passed = edge.weight * ACTIVATION[edge.kind]
        if passed <= 0:
            continue
        for here, there in ((edge.source, edge.target), (edge.target, edge.source)):
            if here in active:
                ways = flows.setdefault(here, {})
                ways[there] = max(ways.get(there, 0.0), passed)
    sums: dict[UUID, float] = {}
    best: dict[UUID, tuple[float, tuple[UUID, ...]]] = {}
    for here in sorted(flows):
        ways = flows[here]
        # Exact, since the database gives edges in any order, and a sum that depends on it would too.
        whole = max(1.0, math.fsum(ways.values()))
        for there in sorted(ways):
            if there in active[here].path:
                continue
            share = active[here].value * decay * ways[there] / whole
            sums[there] = sums.get(there, 0.0) + share
            if share > best.get(there, (0.0, ()))[0]:
                best[there] = (share, (*active[here].path, there))
    return {there: Activation(value, best[there][1]) for there, value in sums.items() if there in best}


async def associated(
    connection: AsyncConnection,
    space: SpaceRow,
    seeds: Sequence[tuple[UUID, float]],
    *,
    weights: RetrievalWeights,
    count: int,
    parameters: dict[str, Any],
    known: Mapping[UUID, str] | None = None,
) -> list[Found]:
    """The memories that activation from the seeds reaches, strongest first; ties by id.

    Args:
        connection: in a transaction of the space.
        space: the space.
        seeds: the best hits of the other arms with their fused scores.
        weights: hops, decay, fan-out.
        count: how many.
        parameters: of the filter's condition.
        known: memories that passed the filter before, with their sources.
    """
    if not seeds:
        return []
    top = max(score for _, score in seeds)
    active = {seed: Activation(score / top, (seed,)) for seed, score in seeds}
    reached: dict[UUID, Activation] = {}
    near: dict[UUID, list[Edge]] = {}
    for hop in range(weights.hops):
        if hop % 2 == 0:
            # Two hops in one question: what the first may reach is asked for beside it.
            near = await _edges(connection, space, sorted(active), weights.fan_out, deep=hop + 1 < weights.hops)
        edges = dict.fromkeys(edge for here in active for edge in near.get(here, ()))
        active = spread(active, list(edges), decay=weights.decay)
        for there, activation in active.items():
            before = reached.get(there)
            value = activation.value + (before.value if before is not None else 0.0)
            path = before.path if before is not None and before.value >= activation.value else activation.path
            reached[there] = Activation(value, path)
        if not active:
            break
    sources = dict(known) if known is not None else {}
    unknown = sorted(set(reached) - set(sources))
    rows = (
        await database.rows(connection, statement(_ALLOWED, parameters), space=space.id, ids=unknown, **parameters)
        if unknown
        else ()
    )
    sources |= {row.id: row.source for row in rows}
    ranked = sorted(
        (item for item in reached.items() if item[0] in sources), key=lambda item: (-item[1].value, item[0])
    )
    return [Found(there, activation.value, sources[there], activation.path) for there, activation in ranked[:count]]


async def _edges(
    connection: AsyncConnection, space: SpaceRow, ids: Sequence[UUID], fan_out: int, *, deep: bool
) -> dict[UUID, list[Edge]]:
    """The heaviest edges of these memories, by memory; where deep, those of their neighbours too."""
    rows = await database.rows(connection, _EDGES, space=space.id, ids=ids, fan_out=fan_out, deep=deep)
    found: dict[UUID, list[Edge]] = {}
    for row in rows:
        edge = Edge(row.source, row.target, AssociationKind(row.kind), row.weight)
        found.setdefault(row.origin, []).append(edge)
    return found


_HEAVIEST = """
SELECT * FROM (
    SELECT a.source, a.target, a.kind, a.weight FROM echo.associations a
    WHERE a.space_id = CAST(:space AS bigint) AND a.source = g.id
    UNION ALL
    SELECT a.source, a.target, a.kind, a.weight FROM echo.associations a
    WHERE a.space_id = CAST(:space AS bigint) AND a.target = g.id
) both_ways ORDER BY weight DESC, source, target, kind LIMIT CAST(:fan_out AS integer)
"""
_EDGES = f"""
WITH first AS MATERIALIZED (
    SELECT g.id AS origin, e.* FROM unnest(CAST(:ids AS uuid[])) AS g (id), LATERAL ({_HEAVIEST}) e
)
SELECT * FROM first
UNION
SELECT g.id, e.* FROM (
    SELECT source AS id FROM first WHERE CAST(:deep AS boolean)
    UNION
    SELECT target FROM first WHERE CAST(:deep AS boolean)
) g, LATERAL ({_HEAVIEST}) e
"""
_ALLOWED = """
SELECT m.id, m.source FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[])) AND CONDITION
"""
