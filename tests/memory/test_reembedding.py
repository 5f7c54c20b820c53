"""Another embedding model for a space: resumed after a kill, beside readers and writers of the old one, no call lost.

Not shown: how long it takes for a large space; that is the embedder's speed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from echo.driver import connect
from echo.memory import Arm, EmbeddingMismatchError, HashEmbedder, MemorySpace, MemoryStore, NewMemory, Query
from echo.migrations import indexes
from tests.memory.conftest import SetClock, Urls

pytestmark = pytest.mark.anyio

NEW = HashEmbedder(48)
WIDE, WIDER = HashEmbedder(512), HashEmbedder(768)
"""Wide enough that no two of any number of facts share a vector."""


class _Failing(HashEmbedder):
    """Ends its process' work after so many texts, as a kill would."""

    def __init__(self, width: int, texts: int) -> None:
        super().__init__(width)
        self.left = texts

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.left -= len(texts)
        if self.left < 0:
            raise asyncio.CancelledError
        return await super().embed(texts)


class _Held(HashEmbedder):
    """Waits with its first texts until it is told to go on."""

    def __init__(self, width: int) -> None:
        super().__init__(width)
        self.asked = asyncio.Event()
        self.go_on = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.asked.set()
        await self.go_on.wait()
        return await super().embed(texts)


async def _fill(space: MemorySpace, count: int, start: int = 0) -> list[NewMemory]:
    given = [NewMemory(content=f"fact number {i} about thing{i}") for i in range(start, start + count)]
    await space.encode(given)
    return given


async def _by_vector(space: MemorySpace, i: int) -> str:
    query = Query(text=f"fact number {i} about thing{i}", arms=[Arm.VECTOR], limit=1, touch=False)
    [hit] = (await space.retrieve(query)).hits
    return hit.memory.content


async def _generations(urls: Urls) -> list[tuple[int, int]]:
    connection = await connect(urls.superuser, timeout=30)
    try:
        rows = await connection.fetch(
            "SELECT generation, count(*) AS held FROM echo.embeddings GROUP BY generation ORDER BY generation"
        )
        return [(row["generation"], row["held"]) for row in rows]
    finally:
        await connection.close()


async def test_a_run_that_is_cut_off_goes_on_where_it_was(space: MemorySpace, urls: Urls) -> None:
    await _fill(space, 100)
    [gone] = await space.encode([NewMemory(content="forgotten fact about nothing")])
    await space.forget_these([gone.id], reason="asked")
    with pytest.raises(asyncio.CancelledError):
        await space.reembed(_Failing(48, 45), batch=20)
    told = await space.reembedding()
    assert told is not None
    assert (told.embedding_model, told.width, told.done, told.total) == ("hash-48", 48, 40, 101)
    # Until the switch everybody is with the old model.
    assert (await space.info()).embedding_model == "hash-64"
    assert await _by_vector(space, 7) == "fact number 7 about thing7"
    half = await space.reembed(NEW, batch=10, most=10)
    assert (half.written, half.switched) == (10, False)
    done = await space.reembed(NEW, batch=30)
    assert (done.written, done.switched, done.waits_for_index) == (51, True, False)
    assert await space.reembedding() is None
    info = await space.info()
    assert (info.embedding_model, info.width) == ("hash-48", 48)
    assert await _generations(urls) == [(2, 101)]
    again = await space.reembed(NEW)
    assert (again.written, again.switched) == (0, True)


async def test_the_service_goes_on_with_either_model(urls: Urls, clock: SetClock) -> None:
    store = await MemoryStore.open(urls.service, embedder=WIDE, clock=clock)
    await store.create_space("home")
    space = store.space("home")
    await _fill(space, 60)
    async with await MemoryStore.open(urls.service, embedder=WIDER, also=[WIDE], clock=clock) as newer:
        assert (await newer.create_space("home", exist_ok=True)).embedding_model == "hash-512"
        both = newer.space("home")
        assert await _by_vector(both, 3) == "fact number 3 about thing3"
        stop = asyncio.Event()
        made = 60

        async def write() -> None:
            nonlocal made
            while not stop.is_set():
                await _fill(both, 1, start=made)
                made += 1
                assert await _by_vector(both, made - 1) == f"fact number {made - 1} about thing{made - 1}"

        writing = asyncio.create_task(write())
        report = await both.reembed(batch=10)
        while made < 63:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        stop.set()
        await writing
        assert report.switched
        # Also what was written while it ran, and by whoever knew the old model only.
        for i in range(made):
            assert await _by_vector(both, i) == f"fact number {i} about thing{i}"
        assert await _generations(urls) == [(2, made)]
    with pytest.raises(EmbeddingMismatchError, match="hash-768"):
        await space.retrieve(Query(text="fact"))
    with pytest.raises(EmbeddingMismatchError):
        await _fill(store.space("home"), 1)
    await store.close()


async def test_what_a_service_of_before_wrote_late_is_given_its_vector(space: MemorySpace, urls: Urls) -> None:
    made = await space.encode([NewMemory(content=f"late thing{i}") for i in range(5)])
    await space.reembed(NEW)
    connection = await connect(urls.superuser, timeout=30)
    try:
        await connection.execute("UPDATE echo.embeddings SET generation = 1 WHERE memory_id = $1", made[0].id)
    finally:
        await connection.close()
    assert (await space.reembed(NEW)).written == 1
    assert await _generations(urls) == [(2, 5)]


async def test_another_aim_gives_the_first_up(space: MemorySpace, urls: Urls) -> None:
    await _fill(space, 30)
    await space.reembed(NEW, batch=10, most=10)
    other = HashEmbedder(32)
    report = await space.reembed(other, batch=10)
    assert (report.written, report.switched) == (30, True)
    assert (await space.info()).embedding_model == "hash-32"
    assert await _generations(urls) == [(3, 30)]


async def test_several_runs_at_once(space: MemorySpace, urls: Urls) -> None:
    await _fill(space, 80)
    reports = await asyncio.gather(*(space.reembed(NEW, batch=10) for _ in range(4)))
    assert all(report.switched for report in reports)
    assert await _generations(urls) == [(2, 80)]


async def test_a_run_that_another_one_finishes_ends_too(space: MemorySpace, urls: Urls) -> None:
    """It is in the middle of a batch then, and nothing is left of what it would go on with."""
    await _fill(space, 30)
    slow = _Held(48)
    late = asyncio.create_task(space.reembed(slow, batch=10))
    await slow.asked.wait()
    first = await space.reembed(NEW, batch=10)
    assert (first.written, first.switched) == (30, True)
    slow.go_on.set()
    report = await asyncio.wait_for(late, 30)
    assert (report.written, report.switched) == (0, True)
    assert await _generations(urls) == [(2, 30)]


async def test_a_run_that_is_given_up_for_yet_another_model_ends_and_says_so(space: MemorySpace, urls: Urls) -> None:
    await _fill(space, 30)
    slow = _Held(32)
    late = asyncio.create_task(space.reembed(slow, batch=10))
    await slow.asked.wait()
    assert (await space.reembed(NEW, batch=10)).switched
    slow.go_on.set()
    report = await asyncio.wait_for(late, 30)
    assert not report.switched
    assert (await space.info()).embedding_model == "hash-48"
    # The switch stands, and the next run takes away what the one that was given up still wrote.
    await space.reembed(NEW, batch=10)
    assert await _generations(urls) == [(3, 30)]


async def test_a_space_with_an_index_keeps_having_one(
    store: MemoryStore, space: MemorySpace, urls: Urls, clock: SetClock
) -> None:
    await _fill(space, 50)
    owner = await connect(urls.owner, timeout=30)
    try:
        assert await indexes.build(owner, at_least=10, say=lambda _: None) == ["home"]
        waiting = await space.reembed(NEW, batch=20)
        assert (waiting.switched, waiting.waits_for_index, waiting.written) == (False, True, 50)
        assert (await space.info()).embedding_model == "hash-64"
        assert await indexes.build(owner, at_least=10, say=lambda _: None) == ["home, its next vectors"]
        await _fill(space, 1, start=50)
        done = await space.reembed(NEW, batch=20)
        assert (done.switched, done.written) == (True, 1)
        assert (await space.stats()).unindexed == 1
        told: list[str] = []
        assert await indexes.build(owner, at_least=10, say=told.append) == []
        assert any("dropping embeddings_hnsw_" in line for line in told)
        rows = await owner.fetch("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'embeddings_hnsw_%'")
        assert [row["indexname"].rsplit("_", 1)[1] for row in rows] == ["2"]
    finally:
        await owner.close()
    async with await MemoryStore.open(urls.service, embedder=NEW, clock=clock) as newer:
        for i in (0, 49, 50):
            assert await _by_vector(newer.space("home"), i) == f"fact number {i} about thing{i}"
    await store.space("home").delete()
