"""Forgetting: what faded, with the reason; taken back until it is purged; gone for good on request."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database, fading
from echo.memory.context import Context
from echo.memory.encode import LOG
from echo.memory.errors import UnknownMemoryError
from echo.memory.kinds import ForgettingAction, MemoryKind, Tier
from echo.memory.records import Fading, ForgettingEntry, ForgettingReport
from echo.memory.weights import FadingWeights

KEPT_TAG = "keep"
"""A memory with this tag never fades."""
_AT_ONCE = 500
_AGES = timedelta(days=365_000)
_MOST = 1_000_000


async def forget(context: Context, weights: FadingWeights, *, dry_run: bool, limit: int) -> ForgettingReport:
    """Forget what has faded, in parts of their own transactions; see :meth:`echo.memory.MemorySpace.forget`."""
    checker = context.checker()
    checker.whole("limit", limit, 1, _MOST)
    checker.done()
    now = context.clock()
    examined = protected = 0
    faded: list[Fading] = []
    last = UUID(int=0)
    while len(faded) < limit:
        async with context.transaction() as (connection, row):
            found = await database.rows(
                connection, _CANDIDATES, space=row.id, last=last, count=_AT_ONCE,
                before=now - timedelta(days=weights.grace_days),
            )  # fmt: skip
            if not found:
                break
            last = found[-1].id
            examined += len(found)
            weak = [fade for one in found if (fade := judge(one, weights, now)) is not None]
            kept = {one.id for one in found if _protected(one, weights)}
            protected += sum(1 for fade in weak if fade.id in kept)
            part = [fade for fade in weak if fade.id not in kept][: limit - len(faded)]
            if not dry_run:
                await bury(
                    connection, row.id, [one.id for one in part], [one.reason for one in part],
                    [one.retention for one in part], now,
                )  # fmt: skip
            faded += part
    return ForgettingReport(examined=examined, faded=tuple(faded), protected=protected, dry_run=dry_run)


def judge(row: Row[Any], weights: FadingWeights, now: datetime) -> Fading | None:
    """How far a memory has faded; None while it is above the threshold."""
    stability = fading.stability_days(
        weights, tier=Tier(row.tier), importance=row.importance, valence=row.valence, arousal=row.arousal,
        access_count=row.access_count,
    )  # fmt: skip
    idle = fading.idle_days(now, row.accessed_at, row.recorded_at)
    left = fading.retention(row.strength, idle, stability)
    if left >= weights.threshold:
        return None
    return Fading(
        id=row.id,
        retention=left,
        threshold=weights.threshold,
        stability_days=stability,
        idle_days=idle,
        reason=(
            f"retention {left:.4f} is below {weights.threshold:g}: {idle:.1f} days idle, stability {stability:.1f} "
            f"days ({row.tier}, importance {row.importance:.2f}, accessed {row.access_count} times)"
        ),
    )


def _protected(row: Row[Any], weights: FadingWeights) -> bool:
    return (
        row.importance >= weights.protected_importance
        or row.kind == MemoryKind.AUTOBIOGRAPHICAL
        or KEPT_TAG in row.tags
    )


async def bury(
    connection: AsyncConnection,
    space_id: int,
    ids: Sequence[UUID],
    reasons: Sequence[str],
    retentions: Sequence[float | None],
    now: datetime,
) -> int:
    """Take live memories out of what can be found, and log why; returns how many."""
    if not ids:
        return 0
    found = await database.rows(connection, _FORGET, space=space_id, ids=list(ids), now=now)
    gone = {one.id for one in found}
    picked = [i for i, one in enumerate(ids) if one in gone]
    await hide(connection, space_id, [ids[i] for i in picked])
    await database.run(
        connection, LOG, space=space_id, ids=[ids[i] for i in picked], action=str(ForgettingAction.FORGOTTEN),
        reasons=[reasons[i] for i in picked], retentions=[retentions[i] for i in picked], now=now,
    )  # fmt: skip
    return len(picked)


async def hide(connection: AsyncConnection, space_id: int, ids: Sequence[UUID]) -> None:
    """Take the words and vectors of memories out of what the arms look at."""
    await database.run(connection, _DROP_WORDS, space=space_id, ids=list(ids))
    await database.run(connection, _LIVE, space=space_id, ids=list(ids), live=False)


async def forget_these(context: Context, ids: Iterable[UUID], reason: str) -> int:
    """Forget memories by id; returns how many were live."""
    wanted, why = _named(context, ids, reason)
    async with context.transaction() as (connection, row):
        await _all_there(connection, row.id, wanted)
        return await bury(connection, row.id, wanted, [why] * len(wanted), [None] * len(wanted), context.clock())


async def restore(context: Context, ids: Iterable[UUID], reason: str) -> int:
    """Bring forgotten memories back; returns how many were forgotten."""
    wanted, why = _named(context, ids, reason)
    now = context.clock()
    async with context.transaction() as (connection, row):
        await _all_there(connection, row.id, wanted)
        back = [one.id for one in await database.rows(connection, _RESTORE, space=row.id, ids=wanted, now=now)]
        await database.run(connection, ADD_WORDS, space=row.id, ids=back)
        await database.run(connection, _LIVE, space=row.id, ids=back, live=True)
        await database.run(
            connection, LOG, space=row.id, ids=back, action=str(ForgettingAction.RESTORED),
            reasons=[why] * len(back), retentions=[None] * len(back), now=now,
        )  # fmt: skip
    return len(back)


async def purge(context: Context, ids: Iterable[UUID], reason: str) -> int:
    """Delete memories for good, with what was made from them; returns how many went."""
    wanted, why = _named(context, ids, reason)
    async with context.transaction() as (connection, row):
        await _all_there(connection, row.id, wanted)
        return await _purge(connection, row.id, wanted, why, context.clock())


async def purge_forgotten(context: Context, older_than: timedelta, limit: int) -> int:
    """Purge what was forgotten longer ago than that."""
    checker = context.checker()
    # A caller without types can pass anything, and a span of ages leads to before the first year.
    if not isinstance(older_than, timedelta):  # pyright: ignore[reportUnnecessaryIsInstance]
        checker.fault("older_than", f"must be a timedelta, is of type {type(older_than).__name__}")
    elif not timedelta(0) <= older_than <= _AGES:
        checker.fault("older_than", f"must be from 0 to {_AGES.days} days")
    checker.whole("limit", limit, 1, context.limits.batch)
    checker.done()
    now = context.clock()
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _EXPIRED, space=row.id, before=now - older_than, limit=limit)
        days = older_than.total_seconds() / fading.DAY_S
        return await _purge(connection, row.id, [one.id for one in found], f"forgotten for {days:g} days or more", now)


async def _purge(connection: AsyncConnection, space_id: int, ids: Sequence[UUID], reason: str, now: datetime) -> int:
    if not ids:
        return 0
    # What was merged into them and what was made from them holds their text too.
    found = await database.rows(connection, _WITH_DERIVED, space=space_id, ids=list(ids))
    gone = sorted(one.id for one in found)
    await _clear_beside(connection, space_id, gone)
    await database.run(connection, _DROP_WORDS, space=space_id, ids=gone)
    await database.run(connection, _DROP_PATTERNS, space=space_id, ids=gone)
    await database.run(connection, _DROP_TRACES, space=space_id, ids=gone)
    await database.run(connection, _FORGET_PLACES, space=space_id, ids=gone)
    await database.run(connection, _DROP_EXPERIENCES, space=space_id, ids=gone)
    await database.run(connection, _PURGE, space=space_id, ids=gone)
    named = set(ids)
    await database.run(
        connection, LOG, space=space_id, ids=gone, action=str(ForgettingAction.PURGED), now=now,
        reasons=[reason if one in named else f"made from a purged memory: {reason}" for one in gone],
        retentions=[None] * len(gone),
    )  # fmt: skip
    return len(gone)


async def _clear_beside(connection: AsyncConnection, space_id: int, ids: Sequence[UUID]) -> None:
    """Empty the context of memories that have the text of these beside them, as the turn after one has."""
    found = await database.rows(connection, _BESIDE, space=space_id, ids=list(ids))
    live = sorted(one.id for one in found if one.live)
    if live:
        # Out of what counts as live and in again: the counters follow the state, and so take the words that are left.
        await database.run(connection, _DROP_WORDS, space=space_id, ids=live)
        await database.run(connection, _LEAVE, space=space_id, ids=live)
    if found:
        await database.run(connection, _CLEAR, space=space_id, ids=sorted(one.id for one in found))
    if live:
        await database.run(connection, _ENTER, space=space_id, ids=live)
        await database.run(connection, ADD_WORDS, space=space_id, ids=live)


async def log(context: Context, memory_id: UUID | None, limit: int) -> list[ForgettingEntry]:
    """The forgetting log, latest first."""
    checker = context.checker()
    wanted = checker.identifier("memory_id", memory_id)
    checker.whole("limit", limit, 1, context.limits.batch)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _LOGGED, space=row.id, memory=wanted, limit=limit)
    return [
        ForgettingEntry(
            memory_id=one.memory_id, action=ForgettingAction(one.action), reason=one.reason, retention=one.retention,
            at=one.at,
        )
        for one in found
    ]  # fmt: skip


def _named(context: Context, ids: Iterable[UUID], reason: str) -> tuple[list[UUID], str]:
    checker = context.checker()
    wanted = checker.identifiers("ids", ids)
    why = checker.label("reason", reason, empty=False)
    checker.done()
    return wanted, why


async def _all_there(connection: AsyncConnection, space_id: int, ids: Sequence[UUID]) -> None:
    there = {one.id for one in await database.rows(connection, _THERE, space=space_id, ids=sorted(ids))}
    if missing := [one for one in ids if one not in there]:
        raise UnknownMemoryError(missing)


_MINE = "m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[]))"
_CANDIDATES = """
SELECT m.id, m.kind, m.tier, m.importance, m.valence, m.arousal, m.strength, m.access_count, m.accessed_at,
    m.recorded_at, m.tags
FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.id > CAST(:last AS uuid) AND m.state = 'live'
    AND COALESCE(m.accessed_at, m.recorded_at) <= CAST(:before AS timestamptz)
ORDER BY m.id LIMIT CAST(:count AS integer) FOR NO KEY UPDATE SKIP LOCKED
"""
# Locked in one order, so that two calls over the same memories never wait for each other in a circle.
_THERE = f"SELECT m.id FROM echo.memories m WHERE {_MINE} ORDER BY m.id FOR UPDATE"
_FORGET = f"""
UPDATE echo.memories AS m SET state = 'forgotten', changed_at = CAST(:now AS timestamptz)
WHERE {_MINE} AND m.state = 'live' RETURNING m.id
"""
_RESTORE = f"""
UPDATE echo.memories AS m
SET state = 'live', strength = 1, accessed_at = CAST(:now AS timestamptz), changed_at = CAST(:now AS timestamptz)
WHERE {_MINE} AND m.state = 'forgotten' RETURNING m.id
"""
_DROP_WORDS = f"""
DELETE FROM echo.postings p USING echo.memories m, unnest(m.terms) t
WHERE {_MINE} AND p.space_id = m.space_id AND p.stem = t.lexeme AND p.memory_id = m.id
"""
ADD_WORDS = f"""
INSERT INTO echo.postings (space_id, stem, memory_id, frequency, words)
SELECT m.space_id, t.lexeme, m.id, cardinality(t.positions), m.words FROM echo.memories m, unnest(m.terms) t
WHERE {_MINE} ON CONFLICT DO NOTHING
"""
_LIVE = """
UPDATE echo.embeddings SET live = CAST(:live AS boolean)
WHERE space_id = CAST(:space AS bigint) AND memory_id = ANY (CAST(:ids AS uuid[]))
"""
_EXPIRED = """
SELECT m.id FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.state = 'forgotten' AND m.changed_at <= CAST(:before AS timestamptz)
ORDER BY m.changed_at, m.id LIMIT CAST(:limit AS integer) FOR UPDATE SKIP LOCKED
"""
# Two roads, each with an index of its own: one condition with OR would read the whole space for each memory.
_WITH_DERIVED = """
WITH RECURSIVE gone (id) AS (
    SELECT * FROM unnest(CAST(:ids AS uuid[]))
    UNION
    SELECT next.id FROM gone g CROSS JOIN LATERAL (
        SELECT m.id FROM echo.memories m WHERE m.space_id = CAST(:space AS bigint) AND m.merged_into = g.id
        UNION ALL
        SELECT m.id FROM echo.origins o JOIN echo.memories m ON m.space_id = o.space_id AND m.id = o.memory_id
        WHERE o.space_id = CAST(:space AS bigint) AND o.origin = g.id AND m.source_ids @> ARRAY[g.id::text]
    ) next
)
SELECT id FROM gone
"""
_SEEN_IN = """
space_id = CAST(:space AS bigint) AND id IN (
    SELECT pattern_id FROM echo.pattern_memories
    WHERE space_id = CAST(:space AS bigint) AND memory_id = ANY (CAST(:ids AS uuid[]))
)
"""
# A pattern that was seen nowhere else is named after the purged words.
_DROP_PATTERNS = f"""
DELETE FROM echo.patterns WHERE {_SEEN_IN} AND source_ids <> '{{}}' AND source_ids <@ CAST(:ids AS uuid[])
"""
_DROP_TRACES = f"""
UPDATE echo.patterns SET source_ids = ARRAY(
    SELECT one FROM unnest(source_ids) AS one WHERE one <> ALL (CAST(:ids AS uuid[]))
) WHERE {_SEEN_IN} AND source_ids && CAST(:ids AS uuid[])
"""
_FORGET_PLACES = """
DELETE FROM echo.pattern_memories WHERE space_id = CAST(:space AS bigint) AND memory_id = ANY (CAST(:ids AS uuid[]))
"""
# An experience holds the words that its memories were made of.
_DROP_EXPERIENCES = """
DELETE FROM echo.experiences WHERE space_id = CAST(:space AS bigint) AND id IN (
    SELECT experience_id FROM echo.experience_memories
    WHERE space_id = CAST(:space AS bigint) AND memory_id = ANY (CAST(:ids AS uuid[]))
)
"""
# A context has lines `speaker: text`; of before that it began with the text. Live ones are found by the text's longest
# stem, which few have. Its beginning is compared alone, since a context holds no more of a long one.
_BESIDE = f"""
WITH gone AS (
    SELECT left(m.content, 200) AS text, (
        SELECT t.lexeme FROM unnest(to_tsvector(
            (SELECT s.language FROM echo.spaces s WHERE s.id = CAST(:space AS bigint)),
            CASE WHEN length(m.content) <= 200 THEN m.content
                ELSE regexp_replace(left(m.content, 200), '\\s\\S*$', '') END
        )) t ORDER BY length(t.lexeme) DESC, t.lexeme LIMIT 1
    ) AS stem
    FROM echo.memories m WHERE {_MINE}
)
SELECT DISTINCT x.id, x.state = 'live' AS live FROM gone g CROSS JOIN LATERAL (
    SELECT m.id, m.state, m.context FROM echo.postings p
    JOIN echo.memories m ON m.space_id = p.space_id AND m.id = p.memory_id
    WHERE p.space_id = CAST(:space AS bigint) AND p.stem = g.stem AND m.state = 'live'
    UNION ALL
    SELECT m.id, m.state, m.context FROM echo.memories m
    WHERE m.space_id = CAST(:space AS bigint) AND m.state <> 'live' AND m.context <> ''
) x
WHERE x.id <> ALL (CAST(:ids AS uuid[])) AND (strpos(x.context, ': ' || g.text) > 0 OR starts_with(x.context, g.text))
"""
_LEAVE = f"UPDATE echo.memories AS m SET state = 'forgotten' WHERE {_MINE}"
_CLEAR = f"""
UPDATE echo.memories AS m SET context = '', terms = left_.terms,
    words = (SELECT COALESCE(sum(cardinality(t.positions)), 0) FROM unnest(left_.terms) t)
FROM (
    SELECT x.id, to_tsvector(
        (SELECT s.language FROM echo.spaces s WHERE s.id = CAST(:space AS bigint)), x.content || ' '
    ) AS terms
    FROM echo.memories x WHERE x.space_id = CAST(:space AS bigint) AND x.id = ANY (CAST(:ids AS uuid[]))
) left_
WHERE {_MINE} AND m.id = left_.id
"""
_ENTER = f"UPDATE echo.memories AS m SET state = 'live' WHERE {_MINE}"
_PURGE = f"DELETE FROM echo.memories AS m WHERE {_MINE}"
_LOGGED = """
SELECT memory_id, action, reason, retention, at FROM echo.forgetting_log
WHERE space_id = CAST(:space AS bigint)
    AND (CAST(:memory AS uuid) IS NULL OR memory_id = CAST(:memory AS uuid))
ORDER BY id DESC LIMIT CAST(:limit AS integer)
"""
