"""Forgetting: explained, undone until purged, and gone from every table when it is meant."""

from __future__ import annotations

from datetime import timedelta

import pytest

from echo.driver import connect
from echo.memory import (
    Arm,
    AssociationKind,
    ForgettingAction,
    MemoryKind,
    MemorySpace,
    MemoryState,
    NewAssociation,
    NewExperience,
    NewMemory,
    Observation,
    PatternKind,
    Query,
    Tier,
)
from tests.memory.conftest import SetClock, Urls

pytestmark = pytest.mark.anyio


async def test_what_fades_goes_with_its_reason_and_the_rest_stays(space: MemorySpace, clock: SetClock) -> None:
    faint, weighty, self_, marked, firm = await space.encode(
        [
            NewMemory(content="faint"),
            NewMemory(content="weighty", importance=0.8),
            NewMemory(content="self", kind=MemoryKind.AUTOBIOGRAPHICAL),
            NewMemory(content="marked", tags=["keep"]),
            NewMemory(content="firm", tier=Tier.LONG_TERM),
        ]
    )
    assert (await space.forget()).faded == ()
    clock.forward(days=30)
    told = await space.forget(dry_run=True)
    assert (await space.stats()).live == 5
    done = await space.forget()
    assert told.faded == done.faded
    [gone] = done.faded
    assert (gone.id, done.protected, done.examined) == (faint.id, 3, 5)
    assert gone.retention < gone.threshold == 0.1
    assert (gone.idle_days, gone.stability_days) == (30, 1.5)
    assert "30.0 days idle" in gone.reason
    assert (await space.forget()).faded == ()
    [entry] = await space.forgetting_log()
    assert (entry.memory_id, entry.action, entry.reason) == (faint.id, ForgettingAction.FORGOTTEN, gone.reason)
    found = await space.retrieve(Query(text="faint weighty self marked firm"))
    assert {hit.memory.id for hit in found.hits} == {weighty.id, self_.id, marked.id, firm.id}


async def test_an_access_keeps_a_memory(space: MemorySpace, clock: SetClock) -> None:
    used, unused = await space.encode([NewMemory(content="used"), NewMemory(content="unused")])
    for _ in range(8):
        clock.forward(days=1)
        await space.touch([used.id])
    clock.forward(days=1)
    assert [one.id for one in (await space.forget()).faded] == [unused.id]


async def test_forgotten_is_restored_whole(space: MemorySpace, clock: SetClock) -> None:
    [made] = await space.encode([NewMemory(content="the code is 4711")])
    assert await space.forget_these([made.id], reason="asked by the user") == 1
    assert await space.forget_these([made.id], reason="again") == 0
    query = Query(text="code 4711")
    assert (await space.retrieve(query)).hits == ()
    clock.forward(days=3)
    assert await space.restore([made.id]) == 1
    assert await space.restore([made.id]) == 0
    [hit] = (await space.retrieve(query)).hits
    assert {trace.arm for trace in hit.why.arms} >= {"vector", "text"}
    assert [entry.action for entry in await space.forgetting_log(memory_id=made.id)] == [
        ForgettingAction.RESTORED, ForgettingAction.FORGOTTEN,
    ]  # fmt: skip


async def test_a_purge_leaves_no_trace_of_the_text(space: MemorySpace, urls: Urls, clock: SetClock) -> None:
    secret = "Zebrafink"
    first, other = await space.encode([NewMemory(content=f"{secret} is the word"), NewMemory(content="harmless")])
    clock.forward(minutes=1)
    await space.encode([NewMemory(content=f"{secret} is the word!")])
    await space.encode([NewMemory(content=f"Summary: {secret}", kind=MemoryKind.SEMANTIC, source_ids=[str(first.id)])])
    await space.associate([NewAssociation(source=first.id, target=other.id, kind=AssociationKind.CAUSES)])
    await space.record_experience(NewExperience(input=f"say {secret}", memory_ids=[first.id]))
    await space.observe(
        [Observation(kind=PatternKind.SEMANTIC, signature="topic: words", source_ids=[first.id, other.id])]
    )
    assert (await space.consolidate()).merged
    assert await space.purge([first.id], reason="asked by the user") == 3
    superuser = await connect(urls.superuser, timeout=30)
    try:
        tables = await superuser.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'echo'")
        for table in [row["tablename"] for row in tables]:
            rows = await superuser.fetch(f"SELECT t::text AS line FROM echo.{table} t")
            text = "\n".join(row["line"] for row in rows).lower()
            assert secret.lower() not in text, table
            if table not in {"forgetting_log", "idempotency_keys"}:
                assert str(first.id) not in text, table
        assert await superuser.fetchval("SELECT count(*) FROM echo.embeddings") == 1
    finally:
        await superuser.close()
    stats = await space.stats()
    assert (stats.live, stats.merged, stats.associations, stats.experiences) == (1, 0, 0, 0)
    assert (await space.forgetting_log(memory_id=first.id))[0].action is ForgettingAction.PURGED


async def test_a_purge_takes_the_text_from_what_was_said_after_it(space: MemorySpace, urls: Urls) -> None:
    """From what lives and what is forgotten; other words stay beside theirs, and what is left is found as before."""
    secret = "the aardvark sleeps"
    long = f"{'many words ' * 40} zeppelin"
    said = [
        NewMemory(content=secret, session="a"),
        NewMemory(content="good to know", context=f"Sunday, 1 March 2026\nanna: {secret}"),
        NewMemory(content="let us go", context=f"Sunday, 1 March 2026\nanna: {secret}\nbob: good to know"),
        NewMemory(content="an answer of before", context=secret),
        NewMemory(content="where is it", context="Sunday, 1 March 2026\nanna: does the aardvark eat?"),
        NewMemory(content=long),
        NewMemory(content="quite", context=f"Sunday, 1 March 2026\nanna: {long}"),
    ]
    one, after, forgotten, old, other, lengthy, quite = (each.id for each in await space.encode(said))
    await space.forget_these([forgotten], reason="test")
    before = (await space.stats()).live
    await space.purge([one, lengthy], reason="asked to")
    assert (await space.stats()).live == before - 2
    left = {each.id: each.context for each in await space.get([after, forgotten, old, other, quite])}
    assert left == {after: "", forgotten: "", old: "", quite: "", other: said[4].context}
    connection = await connect(urls.superuser, timeout=30)
    try:
        for stem, number in (("sleep", 0), ("zeppelin", 0), ("aardvark", 1), ("know", 1)):
            found = await connection.fetchval("SELECT count(*) FROM echo.postings WHERE stem = $1", stem)
            assert found == number, stem
        assert await connection.fetchval("SELECT count(*) FROM echo.memories WHERE terms::text LIKE '%sleep%'") == 0
    finally:
        await connection.close()
    for words, wanted in (("know", after), ("answer", old), ("quite", quite)):
        [hit] = (await space.retrieve(Query(text=words, arms=[Arm.TEXT]))).hits
        assert hit.memory.id == wanted
    await space.restore([forgotten])
    [hit] = (await space.retrieve(Query(text="let us go", arms=[Arm.TEXT]))).hits
    assert hit.memory.id == forgotten


async def test_forgotten_long_ago_is_purged(space: MemorySpace, clock: SetClock) -> None:
    old, young, live = (
        one.id for one in await space.encode([NewMemory(content=name) for name in ("old", "young", "live")])
    )
    await space.forget_these([old], reason="test")
    clock.forward(days=20)
    await space.forget_these([young], reason="test")
    clock.forward(days=15)
    assert await space.purge_forgotten(older_than=timedelta(days=30)) == 1
    assert [memory.state for memory in await space.get([old, young, live])] == [
        MemoryState.FORGOTTEN, MemoryState.LIVE,
    ]  # fmt: skip


async def test_forgetting_goes_on_past_a_page(space: MemorySpace, clock: SetClock) -> None:
    await space.encode([NewMemory(content=f"m{i}") for i in range(1_000)])
    await space.encode([NewMemory(content=f"n{i}") for i in range(200)])
    clock.forward(days=30)
    assert len((await space.forget(limit=1_100)).faded) == 1_100
    assert (await space.stats()).live == 100
