"""Retrieval: what each arm alone would miss is found, every hit says why, filters never leave a space empty-handed."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import numpy as np
import pytest

from echo.driver import connect
from echo.memory import (
    Arm,
    AssociationKind,
    Filter,
    HashEmbedder,
    MemoryKind,
    MemorySpace,
    MemoryStore,
    NewAssociation,
    NewMemory,
    Query,
    RetrievalWeights,
    Revision,
)
from echo.migrations import indexes
from tests.memory.conftest import START, SetClock, Urls

pytestmark = pytest.mark.anyio

UNLIKE = [1.0] + [0.0] * 63
OTHER = [0.0, 1.0] + [0.0] * 62


async def test_words_alone_suffice(space: MemorySpace) -> None:
    """A rare word brings a memory whose vector says nothing: the arms are a union, cut after they are fused."""
    rare = NewMemory(content="The warranty number is QX-77413.", embedding=OTHER)
    noise = [NewMemory(content=f"filler number {i}", embedding=UNLIKE) for i in range(200)]
    made = await space.encode([*noise, rare])
    found = await space.retrieve(Query(text="what about QX-77413 then", embedding=UNLIKE, limit=5))
    [hit] = [hit for hit in found.hits if hit.memory.id == made[-1].id]
    assert Arm.TEXT in {trace.arm for trace in hit.why.arms}
    assert hit.why.words


async def test_any_word_of_the_question_may_match(space: MemorySpace) -> None:
    [made] = await space.encode([NewMemory(content="Mara bought a bicycle")])
    found = await space.retrieve(Query(text="which vehicle did Mara purchase last spring?", arms=[Arm.TEXT]))
    assert [hit.memory.id for hit in found.hits] == [made.id]
    assert found.hits[0].why.words == ("mara",)
    nothing = await space.retrieve(Query(text="unrelated", arms=[Arm.TEXT]))
    assert nothing.hits == ()
    assert nothing.candidates == {Arm.TEXT: 0}


async def test_bm25_is_what_the_formula_says(space: MemorySpace) -> None:
    """Against the formula written out by hand for three documents, k1 1.2 and b 0.75."""
    await space.encode(
        [NewMemory(content="cat cat dog"), NewMemory(content="cat bird"), NewMemory(content="fish fish fish fish")]
    )
    found = await space.retrieve(Query(text="cat fish", arms=[Arm.TEXT]))
    scores = {hit.memory.content: hit.why.arms[0].score for hit in found.hits}
    mean = 3.0

    def bm25(holders: int, frequency: int, words: int) -> float:
        idf = np.log(1 + (3 - holders + 0.5) / (holders + 0.5))
        return float(idf * frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * words / mean)))

    assert scores == pytest.approx(
        {"cat cat dog": bm25(2, 2, 3), "cat bird": bm25(2, 1, 2), "fish fish fish fish": bm25(1, 4, 4)}
    )


async def test_a_neighbour_is_brought_with_the_way_that_led_to_it(space: MemorySpace) -> None:
    first, second, third = await space.encode(
        [
            NewMemory(content="The boiler makes a noise", embedding=UNLIKE),
            NewMemory(content="Ring Mr Weber", embedding=OTHER),
            NewMemory(content="Unpaid", embedding=[0.0, 0.0, 1.0] + [0.0] * 61),
        ]
    )
    await space.associate(
        [
            NewAssociation(source=first.id, target=second.id, kind=AssociationKind.REQUIRES, weight=0.9),
            NewAssociation(source=first.id, target=third.id, kind=AssociationKind.CONTRADICTS, weight=1),
        ]
    )
    weights = RetrievalWeights(seeds=1)
    query = Query(text="boiler", embedding=UNLIKE, arms=[Arm.TEXT, Arm.GRAPH])
    found = await space.retrieve(query, weights=weights)
    assert [hit.memory.id for hit in found.hits] == [first.id, second.id]
    assert found.hits[1].why.path == (first.id, second.id)
    assert found.hits[1].why.arms[0].score == pytest.approx(0.8 * 0.9 * 0.9)


@pytest.mark.parametrize("most", [1_000, 0])
async def test_filters(space: MemorySpace, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Where they leave few memories over, which are looked at one by one, as where they leave many."""
    monkeypatch.setattr("echo.memory.retrieval.few.MOST", most)

    def note(i: int, **fields: object) -> NewMemory:
        return NewMemory(content=f"note {i}", occurred_at=START - timedelta(days=i), **fields)  # pyright: ignore[reportArgumentType]

    made = await space.encode(
        [
            note(0, tags=["a", "b"], session="s", source="x"),
            note(1, tags=["a"], kind=MemoryKind.SEMANTIC),
            note(2, tags=["b"], session="s"),
            note(3),
        ]
    )
    ids = [one.id for one in made]
    cases: list[tuple[Filter, list[int]]] = [
        (Filter(), [0, 1, 2, 3]),
        (Filter(tags=["a"]), [0, 1]),
        (Filter(tags=["a", "b"]), [0]),
        (Filter(any_tags=["a", "b"]), [0, 1, 2]),
        (Filter(kinds=[MemoryKind.SEMANTIC]), [1]),
        (Filter(sessions=["s"], sources=["x"]), [0]),
        (Filter(since=START - timedelta(days=1)), [0, 1]),
        (Filter(until=START - timedelta(days=1)), [2, 3]),
        (Filter(valid_at=START - timedelta(days=2)), [2, 3]),
        (Filter(tags=["c"]), []),
    ]
    for where, expected in cases:
        for arms in ([Arm.VECTOR], [Arm.TEXT], list(Arm)):
            found = await space.retrieve(Query(text="note", where=where, arms=arms, touch=False))
            assert {hit.memory.id for hit in found.hits} == {ids[i] for i in expected}, (where, arms)


async def test_tags_are_found_by_as_they_are_now(space: MemorySpace) -> None:
    async def tagged(tag: str) -> list[str]:
        found = await space.retrieve(Query(text="note", where=Filter(tags=[tag]), touch=False))
        return sorted(hit.memory.content for hit in found.hits)

    first, second = await space.encode(
        [NewMemory(content="note one", tags=["a", "b"]), NewMemory(content="note two", tags=["b"])]
    )
    await space.revise(first.id, Revision(tags=["b", "c"]))
    assert [await tagged(tag) for tag in "abc"] == [[], ["note one", "note two"], ["note one"]]
    await space.revise(second.id, Revision(tags=[]))
    assert [await tagged(tag) for tag in "abc"] == [[], ["note one"], ["note one"]]
    await space.purge([first.id], reason="test")
    assert [await tagged(tag) for tag in "abc"] == [[], [], []]


async def test_few_one_by_one_are_those_found_among_all(space: MemorySpace, monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("kettle", "cupboard", "bicycle", "winter", "letter", "garden", "train")
    await space.encode(
        [
            NewMemory(
                content=f"{words[i % 7]} {words[i % 5]} {words[i % 3]} {i}", tags=[f"t{i % 4}"], session=f"s{i % 6}"
            )
            for i in range(240)
        ]
    )

    async def found(where: Filter) -> list[tuple[str, float]]:
        answers = [await space.retrieve(Query(text=one, where=where, limit=8, touch=False)) for one in words[:3]]
        return [(hit.memory.content, round(hit.score, 9)) for answer in answers for hit in answer.hits]

    for where in (Filter(tags=["t1"]), Filter(any_tags=["t1", "t2"], sessions=["s1", "s2"]), Filter(sessions=["s3"])):
        monkeypatch.setattr("echo.memory.retrieval.few.MOST", 1_000)
        few = await found(where)
        monkeypatch.setattr("echo.memory.retrieval.few.MOST", 0)
        assert few
        assert few == await found(where)


async def test_the_same_question_gives_the_same_answer(space: MemorySpace) -> None:
    await space.encode([NewMemory(content=f"the {i % 7} red {i % 3} balloons") for i in range(300)])
    query = Query(text="red balloons 3", limit=50, touch=False)
    first = await space.retrieve(query)
    assert first == await space.retrieve(query)
    assert len(first.hits) == 50
    assert [hit.score for hit in first.hits] == sorted((hit.score for hit in first.hits), reverse=True)


async def test_the_score_is_what_the_reasons_say(space: MemorySpace, clock: SetClock) -> None:
    await space.encode([NewMemory(content=f"red balloon {i}", importance=i / 9) for i in range(10)])
    clock.forward(days=3)
    weights = RetrievalWeights(importance=0.25, recency=0.25, strength=0.25)
    found = await space.retrieve(Query(text="red balloon 3"), weights=weights)
    for hit in found.hits:
        per_arm = {Arm.VECTOR: weights.vector, Arm.TEXT: weights.text, Arm.GRAPH: weights.graph}
        assert hit.why.fused == pytest.approx(sum(per_arm[one.arm] / (60 + one.rank) for one in hit.why.arms))
        assert hit.score == pytest.approx(hit.why.fused * hit.why.importance * hit.why.recency * hit.why.strength)
        assert all(0.75 <= each <= 1.25 for each in (hit.why.importance, hit.why.recency, hit.why.strength))


async def test_an_access_strengthens(space: MemorySpace, clock: SetClock) -> None:
    [made] = await space.encode([NewMemory(content="remember me")])
    clock.forward(days=1)
    await space.retrieve(Query(text="remember", touch=False))
    assert (await space.get([made.id]))[0].access_count == 0
    await space.retrieve(Query(text="remember"))
    [read] = await space.get([made.id])
    left = np.exp(-1 / 1.5)
    assert (read.access_count, read.accessed_at) == (1, clock.now)
    assert read.strength == pytest.approx(left + 0.3 * (1 - left), rel=1e-5)


async def test_many_small_spaces_beside_a_large_one_all_answer(store: MemoryStore, urls: Urls) -> None:
    """The trap of a filter that is applied after an index scan: a small space must not come back empty."""
    rng = np.random.default_rng(1)
    await store.create_space("large")
    large = store.space("large")
    for _ in range(2):
        vectors = rng.normal(size=(1_000, 64)).astype(np.float32)
        await large.encode([NewMemory(content=f"l{i}", embedding=v.tolist()) for i, v in enumerate(vectors)])
    for number in range(20):
        await store.create_space(f"small-{number}")
        await store.space(f"small-{number}").encode(
            [NewMemory(content=f"s{i}", embedding=rng.normal(size=64).tolist()) for i in range(10)]
        )
    owner = await connect(urls.owner, timeout=30)
    try:
        assert await indexes.build(owner, at_least=1_000, say=lambda _: None) == ["large"]
        assert await indexes.build(owner, at_least=1_000, say=lambda _: None) == []
    finally:
        await owner.close()
    query = Query(embedding=rng.normal(size=64).tolist(), limit=10, arms=[Arm.VECTOR], touch=False)
    weights = RetrievalWeights(exact_below=0)
    for number in range(20):
        found = await store.space(f"small-{number}").retrieve(query, weights=weights)
        assert len(found.hits) == 10, number
    assert len((await large.retrieve(query, weights=weights)).hits) == 10


async def test_the_index_finds_what_an_exact_search_finds(store: MemoryStore, urls: Urls) -> None:
    """Also what is fresh, what a filter leaves over, and nothing that was forgotten."""
    rng = np.random.default_rng(2)
    await store.create_space("large")
    space = store.space("large")
    old = rng.normal(size=(1_000, 64)).astype(np.float32)
    made = await space.encode(
        [
            NewMemory(content=f"m{i}", embedding=v.tolist(), tags=["rare"] if i % 100 == 0 else [])
            for i, v in enumerate(old)
        ]
    )
    owner = await connect(urls.owner, timeout=30)
    try:
        await indexes.build(owner, at_least=1, say=lambda _: None)
        plan = await owner.fetch("SELECT indexdef FROM pg_indexes WHERE indexname LIKE 'embeddings_hnsw%'")
    finally:
        await owner.close()
    assert [("hnsw" in row["indexdef"], "halfvec(64)" in row["indexdef"]) for row in plan] == [(True, True)]
    fresh = await space.encode([NewMemory(content="fresh", embedding=(old[0] * 1.01 + 0.001).tolist())])
    assert (await space.stats()).unindexed == 1
    await space.forget_these([made[1].id], reason="test")
    by_index, exact = RetrievalWeights(exact_below=0), RetrievalWeights(exact_below=1_000_000)
    hits = total = 0
    for i in range(20):
        query = Query(embedding=(old[i] + rng.normal(size=64) * 0.3).tolist(), limit=10, arms=[Arm.VECTOR], touch=False)
        one, other = [
            {hit.memory.id for hit in (await space.retrieve(query, weights=weights)).hits}
            for weights in (by_index, exact)
        ]
        hits, total = hits + len(one & other), total + 10
        assert made[1].id not in one
    assert hits / total >= 0.98
    near = Query(embedding=old[0].tolist(), limit=2, arms=[Arm.VECTOR], touch=False)
    assert {hit.memory.id for hit in (await space.retrieve(near, weights=by_index)).hits} == {made[0].id, fresh[0].id}
    rare = Query(embedding=old[5].tolist(), limit=10, arms=[Arm.VECTOR], where=Filter(tags=["rare"]), touch=False)
    found = await space.retrieve(rare, weights=by_index)
    assert {hit.memory.id for hit in found.hits} == {made[i].id for i in range(0, 1_000, 100)}
    assert await space.index_fresh() == 1
    assert (await space.stats()).unindexed == 0
    assert {hit.memory.id for hit in (await space.retrieve(near, weights=by_index)).hits} == {made[0].id, fresh[0].id}


async def test_a_common_word_is_left_to_the_rarer_ones(space: MemorySpace) -> None:
    """Within the budget; a word that is alone in being common still finds the newest."""
    await space.encode([NewMemory(content=f"common thing {i}", embedding=UNLIKE) for i in range(100)])
    [rare] = await space.encode([NewMemory(content="rare thing", embedding=UNLIKE)])
    tight = RetrievalWeights(text_budget=20)
    found = await space.retrieve(Query(text="a rare common thing", arms=[Arm.TEXT], touch=False), weights=tight)
    assert found.hits[0].memory.id == rare.id
    alone = await space.retrieve(Query(text="thing", arms=[Arm.TEXT], touch=False), weights=tight)
    assert alone.candidates[Arm.TEXT] == 20


async def test_the_hash_embedder_is_deterministic_and_unit() -> None:
    one, other = await HashEmbedder(64).embed(["the same", "the same"])
    assert one == other
    assert np.linalg.norm(one) == pytest.approx(1)


async def test_who_is_named_is_heard_first(space: MemorySpace) -> None:
    both = [
        NewMemory(content=f"{who} prefers the early train to work", source=who, embedding=UNLIKE)
        for who in ("Paul", "Ines")
    ]
    paul, ines = await space.encode(both)
    query = Query(text="which train does Ines' neighbour take early?", embedding=UNLIKE, arms=[Arm.VECTOR])
    found = await space.retrieve(query)
    assert [hit.memory.id for hit in found.hits] == [ines.id, paul.id]
    assert [hit.why.source for hit in found.hits] == [1.2, 1.0]
    assert found.hits[0].score == pytest.approx(found.hits[0].why.fused * 1.2)
    off = await space.retrieve(query, weights=RetrievalWeights(source=0.0))
    assert {hit.why.source for hit in off.hits} == {1.0}


async def test_a_space_that_is_in_no_statistics_yet_is_read_once(store: MemoryStore, urls: Urls) -> None:
    """Rows are counted, not time: 300 memories are to be read some times over, not each with each."""
    await store.create_space("fresh")
    space = store.space("fresh")
    await space.encode([NewMemory(content=f"note {i}") for i in range(300)])

    async def read() -> int:
        connection = await connect(urls.superuser, timeout=60)
        try:
            # What a session counted comes to the others a moment after it is idle, or at once where it ends.
            return int(
                await connection.fetchval(
                    "SELECT idx_tup_fetch + seq_tup_read FROM pg_stat_user_tables WHERE schemaname = 'echo' "
                    "AND relname = 'memories'"
                )
            )
        finally:
            await connection.close()

    query = Query(text="unlike", embedding=UNLIKE, limit=5, arms=[Arm.VECTOR], touch=False)
    assert len((await space.retrieve(query)).hits) == 5
    await store.close()
    found = 0
    for _ in range(600):
        found = await read()
        if found >= 300:
            break
        await asyncio.sleep(0.1)
    assert 300 <= found < 10_000
