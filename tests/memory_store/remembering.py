"""What a service writes in these tests, and how what is there is compared."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.support.memory_service import MemoryService

HELD = "SELECT count(*), count(DISTINCT content), md5(string_agg(content, ',' ORDER BY content)) FROM echo.memories"
"""Rows, different ones, and a hash of all."""

_REMEMBER = """
import asyncio, json, pathlib, sys
from echo.memory import HashEmbedder, MemoryStore, NewMemory
from echo.memory.working import WorkingMemory

async def main(begin, end):
    folder = pathlib.Path("/etc/echo-memory")
    async with await MemoryStore.open((folder / "url").read_text(), embedder=HashEmbedder(384)) as store:
        await store.create_space("kept", exist_ok=True)
        content = [NewMemory(content=f"thing {n}", idempotency_key=str(n)) for n in range(begin, end)]
        kept = await store.space("kept").encode(content)
    working = WorkingMemory.connect((folder / "redis-url").read_text())
    items = await working.items("kept", "s")
    pushed = await working.push("kept", "s", "in mind")
    await working.close()
    report = [pushed.available, pushed.problem, len(items.items)]
    print(json.dumps([sum(one.created for one in kept), *report]))

asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""


@dataclass(frozen=True)
class Told:
    """What the service says.

    Attributes:
        new: memories that were not there before.
        working: whether working memory was there.
        problem: of working memory.
        in_mind: items that were in it.
    """

    new: int
    working: bool
    problem: str
    in_mind: int


def remember(service: MemoryService, begin: int, end: int) -> Told:
    """Write the memories of these numbers, each under a key of its own, and something into working memory."""
    return Told(*json.loads(service.python(_REMEMBER, str(begin), str(end))))
