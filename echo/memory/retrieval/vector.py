"""The arm that finds by meaning: nearest vectors, exact in a small space, by HNSW in a large one."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database
from echo.memory.context import SpaceRow
from echo.memory.embedder import Vector
from echo.memory.retrieval.few import Few
from echo.memory.retrieval.filters import statement

_WIDER = 10


@dataclass(frozen=True)
class Found:
    """A memory that an arm found."""

    id: UUID
    score: float
    source: str = ""
    path: tuple[UUID, ...] = ()


async def nearest(
    connection: AsyncConnection,
    space: SpaceRow,
    vector: Vector,
    *,
    count: int,
    indexed: bool,
    parameters: dict[str, Any],
    few: Few = None,
) -> list[Found]:
    """The memories whose vectors are nearest, by cosine similarity; ties by id.

    Args:
        connection: in a transaction of the space, with ``hnsw.ef_search`` set to the :func:`breadth` of ``count``.
        space: the space.
        vector: of its width.
        count: how many.
        indexed: whether to go by the index; where that brings too few, everything is looked at.
        parameters: of the filter's condition.
        few: the only memories that count, where they are few.
    """
    common = {"space": space.id, "generation": space.generation, "query": vector, "count": count, **parameters}
    if few is not None:
        rows = await database.rows(connection, _FEW, few=list(few), **common)
        return [Found(row.id, row.score, row.source) for row in rows]
    if indexed and space.vector_index:
        sql = statement(_by_index(space.width), parameters)
        for fetch in (count + count // 4, count * 2 * _WIDER):
            rows = await database.rows(connection, sql, fetch=fetch, **common)
            if len(rows) >= count:
                return [Found(row.id, row.score, row.source) for row in rows]
    # Whatever the filter leaves over is found, however little of the space that is.
    if indexed:
        rows = await database.rows(connection, statement(_EXACT, parameters), **common)
    else:
        await database.run(connection, _LOOPS, loops="off")
        rows = await database.rows(connection, statement(_EXACT, parameters), **common)
        await database.run(connection, _LOOPS, loops="on")
    return [Found(row.id, row.score, row.source) for row in rows]


def breadth(count: int) -> int:
    """How many vectors of the index are looked at on the way to the ``count`` nearest (``hnsw.ef_search``)."""
    return max(100, min(1000, 2 * count))


@functools.cache
def _by_index(width: int) -> str:
    # The width is the space's own whole number; an index on an expression is used only by the same expression.
    return _INDEXED.replace("WIDTH", str(int(width)))


# Until a space is in the statistics, each of its tables is taken for one row, and a loop over one within the other for
# as good as any join: of 300 memories 45,000 pairs were looked at. In a large space a filter may leave a few, for which
# loops are right.
_LOOPS = "SELECT set_config('enable_nestloop', CAST(:loops AS text), true)"
_EXACT = """
SELECT m.id, m.source, 1 - (e.embedding <=> CAST(:query AS vector)) AS score
FROM echo.embeddings e JOIN echo.memories m ON m.space_id = e.space_id AND m.id = e.memory_id
WHERE e.space_id = CAST(:space AS bigint) AND e.generation = CAST(:generation AS integer) AND e.live AND CONDITION
ORDER BY e.embedding <=> CAST(:query AS vector), m.id LIMIT CAST(:count AS integer)
"""
_FEW = """
SELECT m.id, m.source, 1 - (e.embedding <=> CAST(:query AS vector)) AS score
FROM echo.embeddings e JOIN echo.memories m ON m.space_id = e.space_id AND m.id = e.memory_id
WHERE e.space_id = CAST(:space AS bigint) AND e.generation = CAST(:generation AS integer) AND e.live
    AND e.memory_id = ANY (CAST(:few AS uuid[]))
ORDER BY e.embedding <=> CAST(:query AS vector), m.id LIMIT CAST(:count AS integer)
"""
# The index holds 16-bit numbers; what it brings is put in order by the vectors themselves. Fresh vectors are in no
# index yet and are few.
_INDEXED = """
WITH near AS (
    (
        SELECT e.memory_id, e.embedding <=> CAST(:query AS vector) AS distance FROM echo.embeddings e
        WHERE e.space_id = CAST(:space AS bigint) AND e.generation = CAST(:generation AS integer)
            AND e.live AND NOT e.fresh
        ORDER BY (e.embedding::halfvec(WIDTH)) <=> CAST(CAST(:query AS vector) AS halfvec(WIDTH))
        LIMIT CAST(:fetch AS integer)
    ) UNION ALL (
        SELECT e.memory_id, e.embedding <=> CAST(:query AS vector) AS distance FROM echo.embeddings e
        WHERE e.space_id = CAST(:space AS bigint) AND e.generation = CAST(:generation AS integer)
            AND e.live AND e.fresh
        ORDER BY distance LIMIT CAST(:fetch AS integer)
    )
)
SELECT m.id, m.source, 1 - n.distance AS score FROM near n
JOIN echo.memories m ON m.space_id = CAST(:space AS bigint) AND m.id = n.memory_id
WHERE CONDITION
ORDER BY n.distance, m.id LIMIT CAST(:count AS integer)
"""
