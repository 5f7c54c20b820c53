"""Retrieval: ask the arms, fuse, weigh, cut, and say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database, fading
from echo.memory.context import Context, SpaceRow
from echo.memory.embedder import Vector
from echo.memory.errors import ReembeddedError
from echo.memory.kinds import Arm, Tier
from echo.memory.records import Hit, Query, Retrieval, Why
from echo.memory.retrieval import few, filters, fusion, graph, vector, words
from echo.memory.retrieval.vector import Found
from echo.memory.touch import touch_in
from echo.memory.weights import FadingWeights, RetrievalWeights


async def retrieve(context: Context, query: Query, weights: RetrievalWeights, fades: FadingWeights) -> Retrieval:
    """Find memories; see :meth:`echo.memory.MemorySpace.retrieve`."""
    try:
        return await _retrieve(context, query, weights, fades)
    except ReembeddedError:
        return await _retrieve(context, query, weights, fades)


async def _retrieve(context: Context, query: Query, weights: RetrievalWeights, fades: FadingWeights) -> Retrieval:
    space = await context.row()
    now = context.clock()
    arms, parameters, given = _check(context, space, query, now)
    if given is None and Arm.VECTOR in arms:
        [given] = await context.embed([query.text])
    async with context.transaction() as (connection, row):
        context.same_vectors(space, row)
        found = await _ask(connection, row, query, arms, given, weights, parameters)
        hits = await _weigh(connection, row, found, query, weights, fades, now)
        if query.touch and hits:
            # A lost count harms nobody; waiting for the disk, or for a standby, would harm every reader.
            await database.run(connection, "SELECT set_config('synchronous_commit', 'off', true)")
            await touch_in(connection, row.id, [hit.memory.id for hit in hits], fades, now)
    return Retrieval(hits=tuple(hits), candidates={arm: len(found.get(arm, ())) for arm in arms})


def _check(
    context: Context, space: SpaceRow, query: Query, now: datetime
) -> tuple[list[Arm], dict[str, Any], Vector | None]:
    checker = context.checker()
    text = checker.text("query.text", query.text, most_bytes=context.limits.query_bytes)
    checker.whole("query.limit", query.limit, 1, context.limits.results)
    arms = list(dict.fromkeys(checker.several_of("query.arms", query.arms, Arm)))
    given = checker.vector("query.embedding", query.embedding, space.width)
    if not arms:
        checker.fault("query.arms", f"must name at least one of {', '.join(Arm)}")
    worded = bool(text.strip())
    if not worded and query.embedding is None:
        checker.fault("query.text", "is empty, and there is no embedding: there is nothing to look for")
    if not worded:
        arms = [arm for arm in arms if arm is not Arm.TEXT]
    if arms == [Arm.GRAPH]:
        checker.fault("query.arms", "has the graph alone: activation spreads from what another arm finds")
    parameters = filters.check(checker, query.where, now)
    checker.done()
    return arms, parameters, given


async def _ask(
    connection: AsyncConnection,
    space: SpaceRow,
    query: Query,
    arms: Sequence[Arm],
    given: Vector | None,
    weights: RetrievalWeights,
    parameters: dict[str, Any],
) -> dict[Arm, list[Found]]:
    count = max(weights.candidates, 4 * query.limit)
    counted = await database.one(connection, _BEGIN, space=space.id, ef=str(vector.breadth(count)))
    total, mean = (int(counted.memories), float(counted.words) / max(1, int(counted.memories))) if counted else (0, 1.0)
    some = await few.passing(connection, space, parameters)
    found: dict[Arm, list[Found]] = {}
    if given is not None and Arm.VECTOR in arms:
        found[Arm.VECTOR] = await vector.nearest(
            connection, space, given, count=count, indexed=total > weights.exact_below, few=some,
            parameters=parameters,
        )  # fmt: skip
    if Arm.TEXT in arms:
        found[Arm.TEXT] = await words.matching(
            connection, space, query.text, count=count, total=total, mean_words=mean,
            budget=weights.text_budget, few=some, parameters=parameters,
        )  # fmt: skip
    if Arm.GRAPH in arms:
        seeds = list(fusion.fuse(found, weights).items())[: weights.seeds]
        passed = {one.id: one.source for several in found.values() for one in several}
        found[Arm.GRAPH] = await graph.associated(
            connection, space, seeds, weights=weights, count=count, parameters=parameters, known=passed
        )
    return found


async def _weigh(
    connection: AsyncConnection,
    space: SpaceRow,
    found: Mapping[Arm, Sequence[Found]],
    query: Query,
    weights: RetrievalWeights,
    fades: FadingWeights,
    now: datetime,
) -> list[Hit]:
    fused = fusion.fuse(found, weights)
    factors = dict.fromkeys(fused, _OFF)
    if weights.importance or weights.recency or weights.strength:
        light = await database.rows(connection, _LIGHT, space=space.id, ids=list(fused))
        factors = {row.id: _factors(row, weights, fades, now) for row in light}
    named = {
        one.id: 1 + weights.source if one.source and fusion.named(one.source, query.text) else 1.0
        for several in found.values()
        for one in several
    }
    scores = {one: fused[one] * a * b * c * named[one] for one, (a, b, c) in factors.items()}
    best = sorted(scores, key=lambda one: (-scores[one], one))[: query.limit]
    worded = {one.id for one in found.get(Arm.TEXT, ())}.intersection(best)
    whole, stems = await words.matched(connection, space, query.text, best, sorted(worded))
    traces = fusion.traces(found)
    paths = {one.id: one.path for one in found.get(Arm.GRAPH, ())}
    return [
        Hit(
            memory=whole[one],
            score=scores[one],
            why=Why(
                arms=traces[one],
                fused=fused[one],
                importance=factors[one][0],
                recency=factors[one][1],
                strength=factors[one][2],
                source=named[one],
                words=stems.get(one, ()),
                path=paths.get(one, ()),
            ),
        )
        for one in best
        if one in whole
    ]


def _factors(
    row: Row[Any], weights: RetrievalWeights, fades: FadingWeights, now: datetime
) -> tuple[float, float, float]:
    age = (now - row.occurred_at).total_seconds() / fading.DAY_S
    stability = fading.stability_days(
        fades, tier=Tier(row.tier), importance=row.importance, valence=row.valence, arousal=row.arousal,
        access_count=row.access_count,
    )  # fmt: skip
    left = fading.retention(row.strength, fading.idle_days(now, row.accessed_at, row.recorded_at), stability)
    return (
        fusion.factor(row.importance, weights.importance),
        fusion.factor(fusion.recency(age, weights.recency_days), weights.recency),
        fusion.factor(left, weights.strength),
    )


def ids_of(retrieval: Retrieval) -> list[UUID]:
    """The hits' ids, best first."""
    return [hit.memory.id for hit in retrieval.hits]


_OFF = (1.0, 1.0, 1.0)
# One question for what has nothing to do with each other: each costs a round trip, of which a retrieval has ten.
_BEGIN = """
SELECT COALESCE(sum(memories), 0) AS memories, COALESCE(sum(words), 0) AS words,
    set_config('hnsw.iterative_scan', 'relaxed_order', true), set_config('hnsw.ef_search', :ef, true)
FROM echo.counters WHERE space_id = CAST(:space AS bigint)
"""
_LIGHT = """
SELECT m.id, m.tier, m.importance, m.valence, m.arousal, m.strength, m.access_count, m.accessed_at, m.occurred_at,
    m.recorded_at
FROM echo.memories m WHERE m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[]))
"""
