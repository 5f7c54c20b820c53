"""How fast a memory is, and how large: encode, index, retrieve, against an exact search."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from echo.driver import connect
from echo.memory import Arm, Filter, HashEmbedder, MemorySpace, MemoryStore, NewMemory, Query, RetrievalWeights
from echo.migrations import indexes
from tests.bench.memory_load import WIDTH, Load
from tests.support.postgres import OWNER, SERVICE, Postgres

SPACE = "bench"
WARM = 50


@dataclass(frozen=True)
class Figures:
    """What one size measured."""

    count: int
    encode_per_s: float
    encode_indexed_per_s: float
    """The same, once the space has its index: new vectors wait in the fresh part."""
    index_s: float
    milliseconds: dict[str, tuple[float, float]]
    """Way to retrieve: (p50, p95)."""
    recall_10: float
    megabytes: dict[str, float]

    def lines(self) -> list[str]:
        """As rows of a table."""
        found = [
            f"| {self.count:,} | encode, memories/s | {self.encode_per_s:,.0f} |",
            f"| {self.count:,} | encode beside an index, memories/s | {self.encode_indexed_per_s:,.0f} |",
            f"| {self.count:,} | build the index, s | {self.index_s:.1f} |",
            f"| {self.count:,} | recall@10 against exact | {self.recall_10:.4f} |",
        ]
        found += [
            f"| {self.count:,} | {way}, p50 / p95 ms | {low:.1f} / {high:.1f} |"
            for way, (low, high) in self.milliseconds.items()
        ]
        return found + [f"| {self.count:,} | {part}, MB | {size:,.0f} |" for part, size in self.megabytes.items()]


async def measure(postgres: Postgres, database: str, count: int, questions: int) -> Figures:
    """Fill a space, build its index, ask."""
    load = Load(count)
    async with await MemoryStore.open(
        postgres.url(database, SERVICE), embedder=HashEmbedder(WIDTH), statement_timeout_s=600
    ) as store:
        await store.create_space(SPACE)
        space = store.space(SPACE)
        rate = await _fill(space, load)
        owner = await connect(postgres.url(database, OWNER), timeout=30)
        try:
            await owner.execute("VACUUM ANALYZE")
            began = time.perf_counter()
            await indexes.build(owner, at_least=1, say=lambda _: None)
            took = time.perf_counter() - began
            sizes = await owner.fetch(_SIZES)
        finally:
            await owner.close()
        asked = load.questions(questions + WARM)
        ways = {
            "vector": [Arm.VECTOR],
            "words": [Arm.TEXT],
            "all": list(Arm),
        }
        milliseconds: dict[str, tuple[float, float]] = {}
        for name, arms in ways.items():
            milliseconds[name] = await _times(
                space,
                [Query(text=t, embedding=v, arms=arms, touch=False) for t, v in asked],  # pyright: ignore[reportArgumentType]
            )
        milliseconds["all, counted as accessed"] = await _times(
            space,
            [Query(text=t, embedding=v) for t, v in asked],  # pyright: ignore[reportArgumentType]
        )
        milliseconds["all, by a tag of 1 in 1,000"] = await _times(
            space,
            [Query(text=t, embedding=v, where=Filter(tags=["rare"]), touch=False) for t, v in asked],  # pyright: ignore[reportArgumentType]
        )
        recall = await _recall(space, asked[: min(100, questions)])
        second = await _fill(space, Load(min(count, 10_000), seed=9), prefix="again-")
    return Figures(count, rate, second, took, milliseconds, recall, {row["part"]: row["mb"] for row in sizes})


async def _fill(space: MemorySpace, load: Load, prefix: str = "") -> float:
    spent = 0.0
    done = 0
    for batch in load.batches():
        keyed = batch if not prefix else [_renamed(one, prefix) for one in batch]
        began = time.perf_counter()
        made = await space.encode(keyed)
        spent += time.perf_counter() - began
        done += len(made)
    return done / spent


def _renamed(memory: NewMemory, prefix: str) -> NewMemory:
    return replace(memory, idempotency_key=f"{prefix}{memory.idempotency_key}")


async def _times(space: MemorySpace, queries: Sequence[Query]) -> tuple[float, float]:
    spent: list[float] = []
    for query in queries:
        began = time.perf_counter()
        found = await space.retrieve(query)
        spent.append((time.perf_counter() - began) * 1_000)
        assert found.hits or Arm.TEXT in query.arms
    low, high = np.percentile(spent[WARM:], [50, 95])
    return float(low), float(high)


async def _recall(space: MemorySpace, asked: Sequence[tuple[str, object]]) -> float:
    exact = RetrievalWeights(exact_below=1 << 40)
    same = 0
    for _, vector in asked:
        query = Query(embedding=vector, arms=[Arm.VECTOR], limit=10, touch=False)  # pyright: ignore[reportArgumentType]
        one, other = [
            {hit.memory.id for hit in (await space.retrieve(query, weights=weights)).hits}
            for weights in (RetrievalWeights(exact_below=0), exact)
        ]
        same += len(one & other)
    return same / (10 * len(asked))


_SIZES = """
SELECT relname AS part, pg_total_relation_size(c.oid) / 1e6 AS mb FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'echo' AND c.relkind = 'r'
    AND pg_total_relation_size(c.oid) > 1000000
UNION ALL
SELECT 'of it the HNSW index', sum(pg_relation_size(i.indexrelid)) / 1e6 FROM pg_index i
WHERE pg_get_indexdef(i.indexrelid) LIKE '%USING hnsw%'
ORDER BY mb DESC
"""
