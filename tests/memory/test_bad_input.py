"""What cannot be stored is refused with every fault at once, a status for a client, and nothing stored.

The fuzzing proves that public calls raise nothing but the library's own errors, whatever a caller passes.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from echo.memory import (
    AssociationKind,
    EchoMemoryError,
    Filter,
    InvalidInputError,
    MemorySpace,
    MemoryStore,
    NewAssociation,
    NewExperience,
    NewMemory,
    Observation,
    PatternKind,
    Query,
    TooLargeError,
    WalkRequest,
)

pytestmark = pytest.mark.anyio

LATER = datetime(2026, 1, 2, tzinfo=UTC)
NAIVE = datetime(2026, 1, 1)  # noqa: DTZ001


def _memory(**changes: Any) -> NewMemory:
    fields: dict[str, Any] = {"content": "fine", **changes}
    return NewMemory(**fields)


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("empty", {"content": " \n"}, "content: is empty"),
    ("no text", {"content": 7}, "content: must be text, is of type int"),
    ("bytes", {"content": b"\xff\xfe"}, "content: must be text, is of type bytes"),
    ("NUL", {"content": "a\x00b"}, "content: holds the character NUL"),
    ("surrogate", {"content": "a\ud800b"}, "content: is no valid Unicode"),
    ("wrong width", {"embedding": [0.5] * 63}, "embedding: has 63 dimensions, the space's vectors have 64"),
    ("no vector", {"embedding": []}, "embedding: has 0 dimensions"),
    ("NaN", {"embedding": [float("nan")] * 64}, "embedding: it holds NaN"),
    ("infinite", {"embedding": [float("inf")] + [0.0] * 63}, "embedding: it holds NaN or infinity"),
    ("beyond 32 bits", {"embedding": [1e39] + [0.0] * 63}, "embedding: it holds NaN or infinity"),
    ("zeros", {"embedding": [0.0] * 64}, "embedding: its largest number"),
    ("beyond 16 bits", {"embedding": [1e5] * 64}, "embedding: its largest number"),
    ("texts", {"embedding": ["a"] * 64}, "embedding: must hold numbers only"),
    ("ragged", {"embedding": [[1.0], *[0.0] * 63]}, "embedding: must hold numbers only"),
    ("unknown kind", {"kind": "vague"}, "kind: must be one of episodic, semantic, procedural, autobiographical"),
    ("unknown tier", {"tier": "attic"}, "tier: must be one of working"),
    ("importance", {"importance": 1.5}, "importance: must be from 0 to 1, is 1.5"),
    ("NaN importance", {"importance": float("nan")}, "importance: must be from 0 to 1, is nan"),
    ("text importance", {"importance": "high"}, "importance: must be a number from 0 to 1, is of type str"),
    ("true importance", {"importance": True}, "importance: must be a number"),
    ("valence", {"valence": -2}, "valence: must be from -1 to 1"),
    ("naive", {"occurred_at": NAIVE}, "occurred_at: has no time zone"),
    ("text time", {"valid_from": "2026-01-01T00:00:00Z"}, "valid_from: must be a datetime"),
    ("before time", {"occurred_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))}, "beyond what UTC"),
    ("one tag", {"tags": "kitchen"}, "tags: must be a list of texts, is of type str"),
    ("empty tag", {"tags": [""]}, r"tags[0]: is empty"),
    ("tag of NUL", {"tags": ["\x00"]}, r"tags[0]: holds the character NUL"),
    ("no JSON", {"metadata": {"a": {1, 2}}}, "metadata: holds of type set"),
    ("NaN in JSON", {"metadata": {"a": [float("nan")]}}, "metadata: holds NaN"),
    ("NUL in JSON", {"provenance": {"a\x00": 1}}, "provenance: holds a text with NUL"),
    ("number as key", {"metadata": {1: 2}}, "metadata: has a key that is no text"),
    ("list", {"metadata": [1]}, "metadata: must be a JSON object"),
    ("text id", {"supersedes": "abc"}, "supersedes: must be a UUID"),
    ("empty key", {"idempotency_key": ""}, "idempotency_key: is empty"),
]


async def test_a_bad_memory_is_refused(space: MemorySpace) -> None:
    for name, changes, told in BAD:
        with pytest.raises(InvalidInputError) as refused:
            await space.encode([_memory(), _memory(**changes)])
        assert refused.value.status == 422, name
        assert told in str(refused.value), name
        assert all(fault.where.startswith("memories[1].") for fault in refused.value.faults), name
    assert (await space.stats()).live == 0


LARGE: list[tuple[str, dict[str, Any]]] = [
    ("ten megabytes of emoji", {"content": "🦊" * 2_621_440}),
    ("a byte too much", {"content": "é" * 32_768 + "a"}),
    ("context", {"context": "x" * 65_537}),
    ("tags", {"tags": [str(i) for i in range(65)]}),
    ("long tag", {"tags": ["x" * 129]}),
    ("longer tag", {"tags": ["x" * 10_000]}),
    ("metadata", {"metadata": {"a": "x" * 20_000}}),
    ("source ids", {"source_ids": [str(i) for i in range(257)]}),
]


async def test_what_is_too_large_is_refused(space: MemorySpace) -> None:
    for name, changes in LARGE:
        with pytest.raises(TooLargeError, match=r"at most \d+ are taken") as refused:
            await space.encode([_memory(**changes)])
        assert refused.value.status == 413, name
        assert len(str(refused.value)) < 1_000, name
    assert (await space.stats()).live == 0


async def test_the_largest_that_is_taken_is_stored(space: MemorySpace) -> None:
    content = "é" * 32_768
    [made] = await space.encode([_memory(content=content, context="x" * 65_536)])
    assert (await space.get([made.id]))[0].content == content


async def test_every_fault_is_named_at_once(space: MemorySpace) -> None:
    with pytest.raises(InvalidInputError) as refused:
        await space.encode(
            [_memory(content="", kind="vague", importance=2), _memory(), _memory(occurred_at=NAIVE, tags=["", "ok"])]
        )
    assert [fault.where for fault in refused.value.faults] == [
        "memories[0].content", "memories[0].kind", "memories[0].importance", "memories[2].occurred_at",
        "memories[2].tags[0]",
    ]  # fmt: skip


async def test_too_many_and_what_is_no_memory(space: MemorySpace) -> None:
    with pytest.raises(TooLargeError, match="at most 1000"):
        await space.encode([_memory()] * 1_001)
    with pytest.raises(InvalidInputError, match=r"memories\[1\]: must be a NewMemory, is of type dict"):
        await space.encode([_memory(), {"content": "x"}])  # pyright: ignore[reportArgumentType]
    assert await space.encode([]) == []


async def test_a_space_that_cannot_be_named(store: MemoryStore) -> None:
    names: list[Any] = ["", "Home", "a b", "-a", "a" * 64, "a;drop", "a\n", "\x00", 7, None]
    for name in names:
        with pytest.raises(InvalidInputError, match="space"):
            store.space(name)
        with pytest.raises(InvalidInputError, match="space"):
            await store.create_space(name)
    assert await store.spaces() == []


async def test_a_language_that_the_database_lacks(store: MemoryStore) -> None:
    with pytest.raises(InvalidInputError, match="klingon"):
        await store.create_space("home", language="klingon'; DROP SCHEMA echo")


async def test_bad_queries(space: MemorySpace) -> None:
    cases: list[tuple[Query, str]] = [
        (Query(), "nothing to look for"),
        (Query(text="a", limit=0), "limit: must be a whole number from 1 to 200, is 0"),
        (Query(text="a", limit=201), "limit"),
        (Query(text="a\x00"), "NUL"),
        (Query(text="a", arms=[]), "at least one of vector, text, graph"),
        (Query(text="a", arms=["smell"]), "must be one of vector"),  # pyright: ignore[reportArgumentType]
        (Query(text="a", arms=["graph"]), "graph alone"),  # pyright: ignore[reportArgumentType]
        (Query(text="a", embedding=[1.0]), "has 1 dimensions"),
        (Query(text="a", where=Filter(since=NAIVE)), "has no time zone"),
        (Query(text="a", where=Filter(kinds=["vague"])), "must be one of episodic"),  # pyright: ignore[reportArgumentType]
        (
            Query(
                text="a", where=Filter(since=datetime(2026, 1, 2, tzinfo=UTC), until=datetime(2026, 1, 1, tzinfo=UTC))
            ),
            "must be after",
        ),
        (Query(text="a", where=Filter(valid_at=LATER, superseded=True)), "give one of them"),
    ]
    for query, told in cases:
        with pytest.raises(InvalidInputError) as refused:
            await space.retrieve(query)
        assert told in str(refused.value), query
    with pytest.raises(TooLargeError):
        await space.retrieve(Query(text="x" * 16_385))


async def test_sql_in_text_is_text(space: MemorySpace) -> None:
    """In questions, filters and keys; for what is stored test_what_is_given_is_what_is_read shows it."""
    said = "the kettle'; DROP TABLE echo.memories CASCADE; --"
    [made] = await space.encode([_memory(content=said, tags=["a'b", "%"], session="'; --", idempotency_key="$1")])
    for asked in (said, "kettle') OR 1=1; --", "kettle & | ! ( ) :* <-> $1 %s :space \\ {} 🦊"):
        found = await space.retrieve(Query(text=asked, where=Filter(tags=["a'b"], sessions=["'; --"])))
        assert [hit.memory.id for hit in found.hits] == [made.id], asked
    assert (await space.retrieve(Query(text="kettle", where=Filter(tags=["a' OR 'a'='a"])))).hits == ()
    assert (await space.stats()).live == 1


async def test_bad_edges_and_walks(space: MemorySpace) -> None:
    one, two = (made.id for made in await space.encode([_memory(), _memory()]))
    edges: list[tuple[NewAssociation, str]] = [
        (NewAssociation(source=one, target=two, kind="likes"), "must be one of is_a"),  # pyright: ignore[reportArgumentType]
        (NewAssociation(source=one, target=one, kind=AssociationKind.IS_A), "to itself"),
        (NewAssociation(source=one, target=two, kind=AssociationKind.IS_A, weight=0), "weight"),
        (NewAssociation(source="one", target=two, kind=AssociationKind.IS_A), "must be a UUID"),  # pyright: ignore[reportArgumentType]
    ]
    for edge, told in edges:
        with pytest.raises(InvalidInputError, match=told):
            await space.associate([edge])
    for request in (
        WalkRequest(starts=[]), WalkRequest(starts=[one], depth=7), WalkRequest(starts=[one], limit=0),
        WalkRequest(starts=[one], kinds=["likes"]),  # pyright: ignore[reportArgumentType]
        WalkRequest(starts=[one], direction="up"),  # pyright: ignore[reportArgumentType]
    ):  # fmt: skip
        with pytest.raises(InvalidInputError):
            await space.walk(request)
    assert (await space.stats()).associations == 0


async def test_bad_experiences_observations_and_states(space: MemorySpace) -> None:
    calls: Sequence[Callable[[], Coroutine[Any, Any, object]]] = [
        lambda: space.record_experience(NewExperience(input="")),
        lambda: space.record_experience(NewExperience(input="a", feedback=2)),
        lambda: space.record_experience(NewExperience(input="a", occurred_at=NAIVE)),
        lambda: space.observe([Observation(kind="odd", signature="a")]),  # pyright: ignore[reportArgumentType]
        lambda: space.observe([Observation(kind=PatternKind.SEMANTIC, signature="")]),
        lambda: space.save_state({"a": float("nan")}),
        lambda: space.save_state({}, coherence=1.5),
        lambda: space.save_identity({"a": object()}),
        lambda: space.forget_these([uuid4()], reason=""),
        lambda: space.purge(["x"], reason="y"),  # pyright: ignore[reportArgumentType]
    ]
    for call in calls:
        with pytest.raises(InvalidInputError):
            await call()
    stats = await space.stats()
    assert (stats.experiences, stats.patterns, stats.live) == (0, 0, 0)


_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.binary(max_size=20),
    st.lists(st.one_of(st.text(max_size=5), st.floats(), st.none()), max_size=5),
    st.dictionaries(st.text(max_size=5), st.one_of(st.text(max_size=5), st.floats(), st.integers()), max_size=3),
    st.datetimes(timezones=st.one_of(st.none(), st.timezones())), st.uuids(),
)  # fmt: skip


def _odd(kind: type, likely: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Records of a class with fields of any type, each as likely to be one that fits."""
    fields = {field.name: st.one_of(likely.get(field.name, _ODD), _ODD) for field in dataclasses.fields(kind)}
    return st.fixed_dictionaries({}, optional=fields).map(lambda given: given)


_MEMORIES = _odd(
    NewMemory,
    {"content": st.text(max_size=60), "importance": st.floats(0, 1), "tags": st.lists(st.text(max_size=8), max_size=3)},
)
_QUERIES = _odd(Query, {"text": st.text(max_size=60), "limit": st.integers(1, 20)})
_FILTERS = _odd(
    Filter, {"tags": st.lists(st.text(max_size=8), max_size=3), "since": st.datetimes(timezones=st.timezones())}
)


def _given_to(memory: dict[str, Any], query: dict[str, Any], where: dict[str, Any]) -> tuple[NewMemory, Query]:
    query.pop("where", None)
    return _memory(**memory), Query(where=Filter(**where), **query)


@pytest.mark.timeout(300)
async def test_fuzzed_calls_store_or_refuse(space: MemorySpace) -> None:
    """Each run of the generated calls happens on this test's loop, from the thread that makes them."""
    loop = asyncio.get_running_loop()

    async def both(memory: NewMemory, query: Query) -> None:
        before = (await space.stats()).live
        try:
            made = await space.encode([memory])
        except EchoMemoryError as error:
            assert 400 <= error.status < 500, error  # noqa: PT017
            assert (await space.stats()).live == before
        else:
            [read] = await space.get([made[0].id])
            assert read.content == memory.content
        try:
            found = await space.retrieve(query)
        except EchoMemoryError as error:
            assert 400 <= error.status < 500, error  # noqa: PT017
        else:
            assert len(found.hits) <= query.limit
            assert all(isinstance(hit.memory.id, UUID) for hit in found.hits)

    @settings(
        max_examples=60, deadline=None, database=None, derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )  # fmt: skip
    @given(_MEMORIES, _QUERIES, _FILTERS)
    def run(memory: dict[str, Any], query: dict[str, Any], where: dict[str, Any]) -> None:
        one, other = _given_to(memory, dict(query), where)
        asyncio.run_coroutine_threadsafe(both(one, other), loop).result(60)

    await asyncio.to_thread(run)
