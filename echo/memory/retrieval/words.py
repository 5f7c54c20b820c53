"""The arm that finds by words: BM25 over the stems, any of which may match."""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database
from echo.memory.context import SpaceRow
from echo.memory.retrieval.filters import CONDITION
from echo.memory.retrieval.vector import Found

K1 = 1.2
B = 0.75
_WIDER = 10


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
    """
    for fetch in (count, count * _WIDER, None):
        rows = await database.rows(
            connection, _MATCH, space=space.id, language=space.language, text=text, total=float(total),
            mean=max(mean_words, 1.0), k=K1, b=B, budget=budget, fetch=fetch, count=count, **parameters,
        )  # fmt: skip
        # Filtered after the best were taken, which is far quicker; looked at more widely where that left too few.
        if len(rows) >= count or fetch is None or (rows and rows[0].ranked < fetch):
            return [Found(row.id, row.score, tuple(row.words)) for row in rows]
        if not rows and not await _any(connection, space, text):
            return []
    return []


async def _any(connection: AsyncConnection, space: SpaceRow, text: str) -> bool:
    row = await database.one(connection, _ANY, space=space.id, language=space.language, text=text)
    return row is not None


_STEMS = "SELECT lexeme AS stem FROM unnest(to_tsvector(CAST(:language AS regconfig), CAST(:text AS text)))"
_ANY = f"""
SELECT 1 FROM ({_STEMS}) q, LATERAL (
    SELECT FROM echo.postings p WHERE p.space_id = CAST(:space AS bigint) AND p.stem = q.stem LIMIT 1
) hit LIMIT 1
"""
_MATCH = f"""
WITH counted AS (
    SELECT q.stem, c.holders FROM ({_STEMS}) q, LATERAL (
        SELECT count(*) AS holders FROM (
            SELECT FROM echo.postings p WHERE p.space_id = CAST(:space AS bigint) AND p.stem = q.stem
            LIMIT CAST(:budget AS integer) + 1
        ) capped
    ) c WHERE c.holders > 0
), chosen AS (
    SELECT stem, holders, sum(holders) OVER (ORDER BY holders, stem) - holders AS before FROM counted
), scored AS (
    SELECT p.memory_id, sum(
        ln(1 + (greatest(CAST(:total AS float8), c.holders) - c.holders + 0.5) / (c.holders + 0.5))
        * p.frequency * (CAST(:k AS float8) + 1)
        / (p.frequency + CAST(:k AS float8)
            * (1 - CAST(:b AS float8) + CAST(:b AS float8) * p.words / CAST(:mean AS float8)))
    ) AS score
    FROM chosen c, LATERAL (
        SELECT p.memory_id, p.frequency, p.words FROM echo.postings p
        WHERE p.space_id = CAST(:space AS bigint) AND p.stem = c.stem
        ORDER BY p.memory_id DESC LIMIT CAST(:budget AS integer)
    ) p
    WHERE c.before < CAST(:budget AS integer)
    GROUP BY p.memory_id
), best AS (
    SELECT *, count(*) OVER () AS ranked FROM (
        SELECT * FROM scored ORDER BY score DESC, memory_id LIMIT CAST(:fetch AS integer)
    ) cut
), allowed AS (
    SELECT m.id, b.score, b.ranked FROM best b
    JOIN echo.memories m ON m.space_id = CAST(:space AS bigint) AND m.id = b.memory_id
    WHERE {CONDITION}
    ORDER BY b.score DESC, m.id LIMIT CAST(:count AS integer)
)
SELECT a.id, a.score, a.ranked, ARRAY(
    SELECT c.stem FROM counted c WHERE EXISTS (
        SELECT FROM echo.postings p
        WHERE p.space_id = CAST(:space AS bigint) AND p.stem = c.stem AND p.memory_id = a.id
    ) ORDER BY c.stem
) AS words
FROM allowed a ORDER BY a.score DESC, a.id
"""
