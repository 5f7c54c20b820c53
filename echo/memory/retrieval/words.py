"""The arm that finds by words: BM25 over the stems, any of which may match."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database, read
from echo.memory.context import SpaceRow
from echo.memory.records import Memory
from echo.memory.retrieval.few import Few
from echo.memory.retrieval.filters import narrow, statement
from echo.memory.retrieval.vector import Found

K1 = 1.2
B = 0.75
_WIDER = 10

Words = tuple[str, ...]


async def matching(
    connection: AsyncConnection,
    space: SpaceRow,
    text: str,
    *,
    count: int,
    total: int,
    mean_words: float,
    budget: int,
    parameters: dict[str, Any],
    few: Few = None,
) -> list[Found]:
    """The memories with the query's words, by BM25 (k1 1.2, b 0.75); ties by id.

    Words that are in many memories say little and cost most. So the rarest are read first, and once ``budget``
    postings are read the more common ones are left out. A word that is alone in having more is read for its newest
    memories only.

    Args:
        connection: in a transaction of the space.
        space: the space.
        text: the query.
        count: how many.
        total: live memories of the space.
        mean_words: their mean length.
        budget: postings to read.
        parameters: of the filter's condition.
        few: the only memories that count, where they are few: then every word counts, however common.
    """
    sql = statement(_MATCH, parameters)
    lengths = {"flat": K1 * (1 - B), "slope": K1 * B / max(mean_words, 1.0)}
    if few is not None:
        rows = await database.rows(
            connection, _FEW, space=space.id, language=space.language, text=text, total=float(total), k=K1,
            budget=budget, count=count, few=list(few), **lengths,
        )  # fmt: skip
        return [Found(row.id, row.score, row.source) for row in rows]
    # Filtered after the best were taken, which is far quicker; looked at more widely where that left too few.
    for fetch in (count * _WIDER, None) if narrow(parameters) else (count, count * _WIDER, None):
        rows = await database.rows(
            connection, sql, space=space.id, language=space.language, text=text, total=float(total),
            k=K1, budget=budget, fetch=fetch, count=count, **lengths, **parameters,
        )  # fmt: skip
        if len(rows) >= count or fetch is None or (rows and rows[0].ranked < fetch):
            return [Found(row.id, row.score, row.source) for row in rows]
        if not rows and not await _any(connection, space, text):
            return []
    return []


async def matched(
    connection: AsyncConnection, space: SpaceRow, text: str, ids: Sequence[UUID], worded: Sequence[UUID]
) -> tuple[dict[UUID, Memory], dict[UUID, Words]]:
    """The memories of these ids that are there, and of the ``worded`` among them the query's stems that each holds."""
    rows = await database.rows(
        connection, _MATCHED, space=space.id, language=space.language, text=text, ids=list(ids), worded=list(worded)
    )
    return {row.id: read.memory_of(row) for row in rows}, {row.id: tuple(row.stems) for row in rows if row.stems}


async def _any(connection: AsyncConnection, space: SpaceRow, text: str) -> bool:
    row = await database.one(connection, _ANY, space=space.id, language=space.language, text=text)
    return row is not None


_STEMS = "SELECT lexeme AS stem FROM unnest(to_tsvector(CAST(:language AS regconfig), CAST(:text AS text)))"
_ANY = f"""
SELECT 1 FROM ({_STEMS}) q, LATERAL (
    SELECT FROM echo.postings p WHERE p.space_id = CAST(:space AS bigint) AND p.stem = q.stem LIMIT 1
) hit LIMIT 1
"""
_COUNTED = f"""
counted AS (
    SELECT q.stem, CAST(c.holders AS float8) AS holders FROM ({_STEMS}) q, LATERAL (
        SELECT count(*) AS holders FROM (
            SELECT FROM echo.postings p WHERE p.space_id = CAST(:space AS bigint) AND p.stem = q.stem
            LIMIT CAST(:budget AS integer) + 1
        ) capped
    ) c WHERE c.holders > 0
)
"""
# What a word's every posting shares is worked out once, in one kind of number: a cast for each posting would cost more
# than the rest of its score.
_WEIGHT = """
ln(1 + (greatest(CAST(:total AS float8), holders) - holders + CAST(0.5 AS float8)) / (holders + CAST(0.5 AS float8)))
    * (CAST(:k AS float8) + 1)
"""
_SCORE = """
sum(c.weight * p.frequency / (p.frequency + CAST(:flat AS float8) + CAST(:slope AS float8) * p.words))
"""
_MATCH = f"""
WITH {_COUNTED}, chosen AS MATERIALIZED (
    SELECT stem, weight FROM (
        SELECT stem, sum(holders) OVER (ORDER BY holders, stem) - holders AS before, {_WEIGHT} AS weight FROM counted
    ) ranked WHERE before < CAST(:budget AS integer)
), scored AS (
    SELECT p.memory_id, {_SCORE} AS score
    FROM chosen c, LATERAL (
        SELECT p.memory_id, p.frequency, p.words FROM echo.postings p
        WHERE p.space_id = CAST(:space AS bigint) AND p.stem = c.stem
        ORDER BY p.memory_id DESC LIMIT CAST(:budget AS integer)
    ) p
    GROUP BY p.memory_id
), best AS (
    SELECT *, count(*) OVER () AS ranked FROM (
        SELECT * FROM scored ORDER BY score DESC, memory_id LIMIT CAST(:fetch AS integer)
    ) cut
)
SELECT m.id, m.source, b.score, b.ranked FROM best b
JOIN echo.memories m ON m.space_id = CAST(:space AS bigint) AND m.id = b.memory_id
WHERE CONDITION
ORDER BY b.score DESC, m.id LIMIT CAST(:count AS integer)
"""
_FEW = f"""
WITH {_COUNTED}, chosen AS MATERIALIZED (SELECT stem, {_WEIGHT} AS weight FROM counted), scored AS (
    SELECT p.memory_id, {_SCORE} AS score FROM chosen c
    JOIN echo.postings p ON p.space_id = CAST(:space AS bigint) AND p.stem = c.stem
        AND p.memory_id = ANY (CAST(:few AS uuid[]))
    GROUP BY p.memory_id
)
SELECT m.id, m.source, s.score FROM scored s
JOIN echo.memories m ON m.space_id = CAST(:space AS bigint) AND m.id = s.memory_id
ORDER BY s.score DESC, m.id LIMIT CAST(:count AS integer)
"""
# Of the best only, and only once they are the best: what every candidate matched would cost as much as finding it.
_MATCHED = f"""
SELECT {read.COLUMNS}, (
    SELECT array_agg(p.stem ORDER BY p.stem) FROM ({_STEMS}) q
    JOIN echo.postings p ON p.space_id = CAST(:space AS bigint) AND p.stem = q.stem AND p.memory_id = m.id
    WHERE m.id = ANY (CAST(:worded AS uuid[]))
) AS stems
FROM echo.memories m WHERE m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[]))
"""
