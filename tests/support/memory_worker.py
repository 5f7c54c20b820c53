"""A process that works on a memory space until it ends or is killed.

``python -m tests.support.memory_worker URL SPACE consolidate|reembed``.

Both run in small parts, slowly enough that a test can kill it between or within them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime

from echo.memory import ConsolidationPolicy, HashEmbedder, MemoryStore

NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
POLICY = ConsolidationPolicy(batch=5)


class _Slow(HashEmbedder):
    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        await asyncio.sleep(0.05)
        return await super().embed(texts)


async def _work(url: str, space: str, what: str) -> None:
    async with await MemoryStore.open(url, embedder=HashEmbedder(64), clock=lambda: NOW) as store:
        found = store.space(space)
        if what == "consolidate":
            await found.consolidate(POLICY)
        else:
            await found.reembed(_Slow(48), batch=5)


if __name__ == "__main__":
    asyncio.run(_work(*sys.argv[1:4]))
