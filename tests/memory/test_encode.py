"""Encoding: all or nothing, each key once, what supersedes ends the older one, vectors of the right model."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from echo.driver import connect
from echo.memory import (
    EmbedderError,
    EmbeddingMismatchError,
    Filter,
    HashEmbedder,
    IdempotencyConflictError,
    MemoryKind,
    MemorySpace,
    MemoryStore,
    NewMemory,
    Query,
    SpaceExistsError,
    StoreUnavailableError,
    UnknownMemoryError,
    UnknownSpaceError,
)
from tests.memory.conftest import SetClock, Urls

pytestmark = pytest.mark.anyio


async def test_what_is_given_is_what_is_read(space: MemorySpace, clock: SetClock) -> None:
    given = NewMemory(
        content="L'été 'quoted'; DROP TABLE echo.memories; -- 🦊 %s :space $1 \\",
        kind=MemoryKind.PROCEDURAL, context="the turn before", importance=0.25, valence=-0.5, arousal=0.5,
        dominance=1, complexity=0.125, source="anna", session="s1", source_ids=["D1:3"], tags=["a", "b", "a"],
        provenance={"by": {"hand": [1, None, True]}}, metadata={"größe": 1.5},
    )  # fmt: skip
    [made] = await space.encode([given])
    [read] = await space.get([made.id])
    for name in ("content", "kind", "context", "importance", "valence", "arousal", "dominance", "complexity", "source",
                 "session", "provenance", "metadata"):  # fmt: skip
        assert getattr(read, name) == getattr(given, name), name
    assert read.tags == ("a", "b")
    assert read.source_ids == ("D1:3",)
    assert (read.occurred_at, read.recorded_at, read.valid_from, read.valid_to) == (clock.now,) * 3 + (None,)
    assert (read.strength, read.access_count, read.accessed_at) == (1, 0, None)


async def test_a_key_brings_one_memory_however_often_and_from_however_many(space: MemorySpace) -> None:
    batch = [NewMemory(content=f"fact {i}", idempotency_key=f"k{i}") for i in range(20)]
    results = await asyncio.gather(*(space.encode(batch if i % 2 else batch[::-1]) for i in range(6)))
    forward = [[one.id for one in (result if i % 2 else result[::-1])] for i, result in enumerate(results)]
    assert all(ids == forward[0] for ids in forward)
    assert sum(one.created for result in results for one in result) == 20
    assert (await space.stats()).live == 20


async def test_a_key_twice_in_one_batch_is_one_memory(space: MemorySpace) -> None:
    one, other = await space.encode([NewMemory(content="a", idempotency_key="k")] * 2)
    assert (one.id, one.created, other.created) == (other.id, True, False)


async def test_a_key_with_other_content_is_refused_and_nothing_stored(space: MemorySpace) -> None:
    await space.encode([NewMemory(content="a", idempotency_key="k")])
    with pytest.raises(IdempotencyConflictError, match="'k'"):
        await space.encode([NewMemory(content="new"), NewMemory(content="b", idempotency_key="k")])
    with pytest.raises(IdempotencyConflictError):
        await space.encode([NewMemory(content="x", idempotency_key="n"), NewMemory(content="y", idempotency_key="n")])
    assert (await space.stats()).live == 1


async def test_a_key_outlives_its_purged_memory(space: MemorySpace) -> None:
    new = NewMemory(content="forget me", idempotency_key="k")
    [made] = await space.encode([new])
    await space.purge([made.id], reason="asked")
    [again] = await space.encode([new])
    assert (again.id, again.created) == (made.id, False)
    assert (await space.stats()).live == 0


async def test_what_supersedes_ends_the_older(space: MemorySpace, clock: SetClock) -> None:
    [old] = await space.encode([NewMemory(content="Anna lives in Bonn", kind=MemoryKind.SEMANTIC)])
    before = clock.now
    clock.forward(days=2)
    [new] = await space.encode([NewMemory(content="Anna lives in Kiel", kind=MemoryKind.SEMANTIC, supersedes=old.id)])
    [was] = await space.get([old.id])
    assert (was.valid_from, was.valid_to) == (before, clock.now)
    query = "where does Anna live"
    assert [hit.memory.id for hit in (await space.retrieve(Query(text=query))).hits] == [new.id]
    then = await space.retrieve(Query(text=query, where=Filter(valid_at=before)))
    assert [hit.memory.id for hit in then.hits] == [old.id]
    both = await space.retrieve(Query(text=query, where=Filter(superseded=True)))
    assert {hit.memory.id for hit in both.hits} == {old.id, new.id}
    assert [one.id for one in await space.history(new.id)] == [old.id]


async def test_superseding_what_is_not_there_stores_nothing(space: MemorySpace) -> None:
    [made] = await space.encode([NewMemory(content="a")])
    await space.purge([made.id], reason="asked")
    with pytest.raises(UnknownMemoryError):
        await space.encode([NewMemory(content="b"), NewMemory(content="c", supersedes=made.id)])
    assert (await space.stats()).live == 0


async def test_a_space_takes_vectors_of_its_own_model_only(store: MemoryStore, urls: Urls, clock: SetClock) -> None:
    await store.create_space("home")
    async with await MemoryStore.open(urls.service, embedder=HashEmbedder(32), clock=clock) as other:
        with pytest.raises(EmbeddingMismatchError, match=r"hash-64 \(64 dimensions\).*hash-32"):
            await other.space("home").encode([NewMemory(content="a")])
        with pytest.raises(EmbeddingMismatchError):
            await other.space("home").retrieve(Query(text="a"))
        with pytest.raises(SpaceExistsError, match="64 dimensions"):
            await other.create_space("home", exist_ok=True)
        # A vector that is there already needs no embedder.
        [vector] = await HashEmbedder(64).embed(["a"])
        assert (await other.space("home").encode([NewMemory(content="a", embedding=vector)]))[0].created


class _Bad:
    model = "hash-64"
    width = 64

    def __init__(self, answer: object) -> None:
        self.answer = answer

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        assert texts
        return self.answer  # pyright: ignore[reportReturnType]


@pytest.mark.parametrize(
    "answer", [[], [[1.0] * 63], [[float("nan")] * 64], [[0.0] * 64], [[float("inf")] + [0.0] * 63]],
    ids=["none", "short", "nan", "zero", "infinite"],
)  # fmt: skip
async def test_an_embedder_that_fails_stores_nothing(
    store: MemoryStore, urls: Urls, clock: SetClock, answer: object
) -> None:
    await store.create_space("home")
    async with await MemoryStore.open(urls.service, embedder=_Bad(answer), clock=clock) as broken:
        with pytest.raises(EmbedderError):
            await broken.space("home").encode([NewMemory(content="a")])
    assert (await store.space("home").stats()).live == 0


async def test_a_space_that_is_not_there(store: MemoryStore) -> None:
    nowhere = store.space("nowhere")
    for call in (nowhere.info, nowhere.stats, nowhere.consolidate, nowhere.delete):
        with pytest.raises(UnknownSpaceError, match="'nowhere'"):
            await call()
    with pytest.raises(UnknownSpaceError):
        await nowhere.encode([NewMemory(content="a")])


async def test_words_of_the_live_memories_are_counted(space: MemorySpace, urls: Urls) -> None:
    made = await space.encode([NewMemory(content="red green"), NewMemory(content="blue")])
    await space.forget_these([made[1].id], reason="test")
    await space.encode([NewMemory(content="one two three")])
    await space.purge([made[0].id], reason="test")
    await space.restore([made[1].id])
    connection = await connect(urls.superuser, timeout=30)
    try:
        row = await connection.fetchrow("SELECT sum(memories) AS memories, sum(words) AS words FROM echo.counters")
        held = await connection.fetch("SELECT stem FROM echo.postings ORDER BY stem")
    finally:
        await connection.close()
    assert row is not None
    assert (row["memories"], row["words"]) == (2, 4)
    assert [one["stem"] for one in held] == ["blue", "one", "three", "two"]


async def test_a_server_that_is_gone_is_said_so(urls: Urls, clock: SetClock) -> None:
    gone = urls.service.replace(f":{urls.service.split(':')[3].split('/')[0]}/", ":1/")
    with pytest.raises(StoreUnavailableError):
        await MemoryStore.open(gone, embedder=HashEmbedder(64), clock=clock)
