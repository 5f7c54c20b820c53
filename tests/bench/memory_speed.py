"""How fast a memory is, and how large: encode, index, retrieve, against an exact search.

Work is done in steps that are noted in a file, so that a run that ends early is gone on with by the next.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echo.driver import connect
from echo.memory import Arm, Filter, HashEmbedder, MemorySpace, MemoryStore, Query, RetrievalWeights
from echo.migrations import indexes
from tests.bench.memory_load import WIDTH, Load
from tests.support.postgres import OWNER, SERVICE, Postgres

SPACE = "bench"
WARM = 50
EXACT_QUESTIONS = 100
CLIENTS = 1_000
Asked = Sequence[tuple[str, NDArray[np.float32]]]


@dataclass
class Notes:
    """What was measured so far, in a file."""

    file: Path
    values: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if self.file.exists():
            self.values = json.loads(self.file.read_text())

    def put(self, name: str, value: object) -> None:
        """Note a value."""
        self.values[name] = value
        self.file.write_text(json.dumps(self.values, indent=1))


class OutOfTimeError(Exception):
    """The time of this run is over; the next goes on."""


@dataclass
class Speed:
    """One size, measured in steps."""

    postgres: Postgres
    database: str
    count: int
    notes: Notes
    seconds: float
    began: float = field(default_factory=time.monotonic)

    async def run(self, questions: int) -> list[str]:
        """Do what is left; returns the rows of a table.

        Raises:
            OutOfTimeError: there is more to do.
        """
        async with await MemoryStore.open(
            self.postgres.url(self.database, SERVICE), embedder=HashEmbedder(WIDTH), statement_timeout_s=600,
            pool_timeout_s=600,
        ) as store:  # fmt: skip
            await store.create_space(SPACE, exist_ok=True)
            space = store.space(SPACE)
            await self._fill(space)
            await self._index()
            asked = Load(self.count).questions(questions + WARM)
            for name, more in _WAYS.items():
                await self._ask(space, name, asked, more)
            await self._recall(space, asked[:EXACT_QUESTIONS])
            await self._many(space, asked)
            await self._beside(space)
        return self._lines()

    def _in_time(self) -> None:
        if time.monotonic() - self.began > self.seconds:
            raise OutOfTimeError

    async def _fill(self, space: MemorySpace) -> None:
        rates: list[float] = self.notes.values.get("encode, memories/s by 100,000", [])
        spent, done = self.notes.values.get("filling", [0.0, 0])
        for batch in Load(self.count).batches(start=done):
            self._in_time()
            began = time.perf_counter()
            await space.encode(batch)
            spent += time.perf_counter() - began
            done += len(batch)
            self.notes.put("filling", [spent, done])
            if done % 100_000 == 0 or done == self.count:
                rates.append(round((done % 100_000 or 100_000) / spent))
                spent = 0.0
                self.notes.put("encode, memories/s by 100,000", rates)
                self.notes.put("filling", [spent, done])

    async def _index(self) -> None:
        if "index, s" in self.notes.values:
            return
        self._in_time()
        owner = await connect(self.postgres.url(self.database, OWNER), timeout=30)
        try:
            await owner.execute("VACUUM ANALYZE")
            began = time.perf_counter()
            await indexes.build(owner, at_least=1, memory="3GB", say=lambda _: None)
            took = round(time.perf_counter() - began, 1)
            for row in await owner.fetch(_SIZES):
                self.notes.put(f"{row['part']}, MB", round(float(row["mb"])))
            self.notes.put("index, s", took)
        finally:
            await owner.close()

    async def _ask(self, space: MemorySpace, name: str, asked: Asked, more: dict[str, Any]) -> None:
        if name in self.notes.values:
            return
        self._in_time()
        spent: list[float] = []
        for text, vector in asked:
            query = Query(text=text, embedding=vector, **{"touch": False, **more})  # pyright: ignore[reportArgumentType]
            began = time.perf_counter()
            found = await space.retrieve(query)
            spent.append((time.perf_counter() - began) * 1_000)
            assert found.hits or Arm.TEXT in query.arms
        self.notes.put(name, [round(float(one), 1) for one in np.percentile(spent[WARM:], [50, 95])])

    async def _recall(self, space: MemorySpace, asked: Asked) -> None:
        if "recall@10 against exact" in self.notes.values:
            return
        self._in_time()
        wanted = Load(self.count).nearest([vector for _, vector in asked], 10)
        same = 0
        for (_, vector), places in zip(asked, wanted, strict=True):
            query = Query(embedding=vector, arms=[Arm.VECTOR], limit=10, touch=False)  # pyright: ignore[reportArgumentType]
            hits = (await space.retrieve(query, weights=RetrievalWeights(exact_below=0))).hits
            same += len(places & {int(hit.memory.source_ids[0]) for hit in hits})
        self.notes.put("recall@10 against exact", round(same / (10 * len(asked)), 4))

    async def _many(self, space: MemorySpace, asked: Asked) -> None:
        """A thousand clients at once on ten connections: every one is answered."""
        name = f"{CLIENTS:,} clients at once, answers/s"
        if name in self.notes.values:
            return
        self._in_time()
        queries = [Query(text=text, embedding=vector, touch=False) for text, vector in asked]  # pyright: ignore[reportArgumentType]
        began = time.perf_counter()
        answers = await asyncio.gather(*(space.retrieve(queries[i % len(queries)]) for i in range(CLIENTS)))
        assert all(answer.hits for answer in answers)
        self.notes.put(name, round(CLIENTS / (time.perf_counter() - began)))

    async def _beside(self, space: MemorySpace) -> None:
        """Encoding once the space has its index: new vectors wait in the fresh part."""
        name = "encode beside an index, memories/s"
        if name in self.notes.values:
            return
        self._in_time()
        spent, made = 0.0, 0
        for batch in Load(min(self.count, 10_000), seed=9).batches():
            began = time.perf_counter()
            made += len(await space.encode(batch))
            spent += time.perf_counter() - began
        self.notes.put(name, round(made / spent))

    def _lines(self) -> list[str]:
        shown = {name: value for name, value in self.notes.values.items() if name != "filling"}
        return [
            f"| {self.count:,} | {name} | {' / '.join(map(str, value)) if isinstance(value, list) else value} |"  # pyright: ignore[reportUnknownArgumentType]
            for name, value in shown.items()
        ]


_WAYS: dict[str, dict[str, Any]] = {
    "vector, p50 / p95 ms": {"arms": [Arm.VECTOR]},
    "words, p50 / p95 ms": {"arms": [Arm.TEXT]},
    "all, p50 / p95 ms": {},
    "all, counted as accessed, p50 / p95 ms": {"touch": True},
    "all, by a tag of 1 in 1,000, p50 / p95 ms": {"where": Filter(tags=["rare"])},
}
_SIZES = """
SELECT relname AS part, pg_total_relation_size(c.oid) / 1e6 AS mb FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'echo' AND c.relkind = 'r'
    AND pg_total_relation_size(c.oid) > 1000000
UNION ALL
SELECT 'of it the HNSW index', sum(pg_relation_size(i.indexrelid)) / 1e6 FROM pg_index i
WHERE pg_get_indexdef(i.indexrelid) LIKE '%USING hnsw%'
ORDER BY mb DESC
"""
