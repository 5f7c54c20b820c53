"""Kill -9 in the middle of consolidation and of re-embedding, a clock that jumps, more callers than connections.

A killed process leaves whole parts done: what is finished after it equals what was never interrupted.
Not shown here: a database that is killed; tests/memory_store does that on a cluster.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from echo.driver import Connection, connect
from echo.memory import HashEmbedder, MemorySpace, MemoryStore, NewMemory, Query, StoreUnavailableError
from tests.memory.conftest import SetClock, Urls
from tests.support.memory_worker import NOW, POLICY

pytestmark = pytest.mark.anyio

_LIMIT_S = 120.0


async def _fill(space: MemorySpace) -> None:
    """Sixty memories in one session, every fourth said twice."""
    said = [f"the colour of door number {i} is {word}" for i in range(12) for word in ("red", "green", "blue", "grey")]
    said += said[::4]
    await space.encode([NewMemory(content=one, session="s", tags=[str(i)]) for i, one in enumerate(said)])


async def _state(connection: Connection, space: str) -> tuple[Counter[str], Counter[str]]:
    """Memories and edges in words, without their random ids."""
    memories = await connection.fetch(
        "SELECT concat_ws('|', m.content, m.state, m.tier, array_to_string(m.tags, ',')) AS line "
        "FROM echo.memories m JOIN echo.spaces s ON s.id = m.space_id WHERE s.name = $1",
        space,
    )
    edges = await connection.fetch(
        "SELECT concat_ws('|', a.content, b.content, e.kind, round(e.weight::numeric, 4), e.strengthened) AS line "
        "FROM echo.associations e JOIN echo.spaces s ON s.id = e.space_id "
        "JOIN echo.memories a ON a.space_id = s.id AND a.id = e.source "
        "JOIN echo.memories b ON b.space_id = s.id AND b.id = e.target WHERE s.name = $1",
        space,
    )
    return Counter(row["line"] for row in memories), Counter(row["line"] for row in edges)


async def _kill_when(urls: Urls, what: str, begun: Callable[[], Awaitable[bool]]) -> bool:
    """Start the worker, kill it once it has begun; whether it was still at work."""
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.memory_worker", urls.service, "home", what
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            while worker.returncode is None and not await begun():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    finally:
        killed = worker.returncode is None
        if killed:
            worker.kill()
        await worker.wait()
    return killed


async def test_kill_in_the_middle_of_consolidation(
    store: MemoryStore, space: MemorySpace, urls: Urls, clock: SetClock
) -> None:
    await store.create_space("whole")
    await _fill(space)
    await _fill(store.space("whole"))
    watcher = await connect(urls.superuser, timeout=30)
    try:
        examined = (
            "SELECT count(*) FROM echo.memories m JOIN echo.spaces s ON s.id = m.space_id "
            "WHERE s.name = 'home' AND m.examined_at IS NOT NULL"
        )
        kills = 0
        for goal in (1, 20, 40):

            async def begun(goal: int = goal) -> bool:
                return int(await watcher.fetchval(examined)) >= goal

            kills += await _kill_when(urls, "consolidate", begun)
            held = int(await watcher.fetchval(examined))
            assert held % POLICY.batch == 0, "a part was half done"
        assert kills > 0
        clock.now = NOW
        await space.consolidate(POLICY)
        await store.space("whole").consolidate(POLICY)
        assert await _state(watcher, "home") == await _state(watcher, "whole")
        again = await space.consolidate(POLICY)
        assert (again.examined, again.merged, again.linked) == (0, (), 0)
    finally:
        await watcher.close()


async def test_kill_in_the_middle_of_reembedding(space: MemorySpace, urls: Urls) -> None:
    await _fill(space)
    watcher = await connect(urls.superuser, timeout=30)
    try:
        kills = 0
        for goal in (1, 25):

            async def begun(goal: int = goal) -> bool:
                return int(await watcher.fetchval("SELECT COALESCE(sum(done), 0) FROM echo.reembeddings")) >= goal

            kills += await _kill_when(urls, "reembed", begun)
            told = await space.reembedding()
            assert told is not None
            written = await watcher.fetchval("SELECT count(*) FROM echo.embeddings WHERE generation = 2")
            assert (told.done, told.total) == (written, 60)
        assert kills == 2
        report = await space.reembed(HashEmbedder(48))
        assert report.switched
        assert 0 < report.written < 60
        assert await watcher.fetchval("SELECT count(*) FROM echo.embeddings WHERE generation = 2") == 60
        assert await watcher.fetchval("SELECT count(*) FROM echo.embeddings WHERE generation <> 2") == 0
    finally:
        await watcher.close()


async def test_a_clock_that_jumps(space: MemorySpace, clock: SetClock) -> None:
    start = clock.now
    [first] = await space.encode([NewMemory(content="the first word")])
    clock.forward(days=-400)
    [second] = await space.encode([NewMemory(content="the second word")])
    assert second.id > first.id, "ids keep their order"
    assert len((await space.retrieve(Query(text="word"))).hits) == 2
    assert await space.touch([first.id, second.id]) == 2
    for memory in await space.get([first.id, second.id]):
        assert 0 < memory.strength <= 1
        assert memory.accessed_at is not None
    assert (await space.forget()).faded == (), "nothing is idle for less than no time"
    assert (await space.consolidate()).examined == 2
    clock.now = start
    clock.forward(days=40_000)
    faded = await space.forget()
    assert {one.id for one in faded.faded} == {first.id, second.id}
    assert all(0 <= one.retention < one.threshold for one in faded.faded)
    clock.now = start
    # What a wrong clock made forgotten is all there, since nothing was purged.
    assert await space.purge_forgotten(older_than=start - start) == 0
    assert await space.restore([first.id, second.id]) == 2
    assert len((await space.retrieve(Query(text="word"))).hits) == 2


async def test_more_callers_than_connections(store: MemoryStore, space: MemorySpace, urls: Urls) -> None:
    async def call(i: int) -> int:
        await space.encode([NewMemory(content=f"caller {i} was here", idempotency_key=f"{i}")])
        return len((await space.retrieve(Query(text=f"caller {i}", limit=1))).hits)

    async with await MemoryStore.open(
        urls.service, embedder=HashEmbedder(64), pool_size=3, pool_timeout_s=_LIMIT_S
    ) as wide:
        space = wide.space("home")
        assert await asyncio.gather(*(call(i) for i in range(100))) == [1] * 100
    assert (await store.space("home").stats()).live == 100
    async with await MemoryStore.open(
        urls.service, embedder=HashEmbedder(64), pool_size=1, pool_timeout_s=0.05
    ) as narrow:
        space = narrow.space("home")
        ends = await asyncio.gather(*(call(i) for i in range(100, 150)), return_exceptions=True)
    # Those that found no connection were told so, with nothing stored by halves: sent again, each is there once.
    assert {type(end) for end in ends} <= {int, StoreUnavailableError}
    space = store.space("home")
    assert await asyncio.gather(*(call(i) for i in range(100, 150))) == [1] * 50
    assert (await space.stats()).live == 150
