"""No way from one space to another: by the library, and by SQL as the service's own role.

Proves row-level security on every table, for reading, writing, updating, deleting and for pointing across. Does not
prove anything about a service that names another space on purpose: who may name which space is the service's matter.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest

from echo.driver import Connection, connect, sqlstate
from echo.memory import (
    AssociationKind,
    HashEmbedder,
    Judgement,
    MemorySpace,
    MemoryStore,
    NewAssociation,
    NewExperience,
    NewMemory,
    NewTurn,
    Observation,
    PatternKind,
    Query,
    UnknownMemoryError,
    WalkRequest,
)
from tests.memory.conftest import Urls

pytestmark = pytest.mark.anyio

TABLES = {
    "memories", "embeddings", "postings", "counters", "associations", "idempotency_keys", "forgetting_log",
    "experiences", "patterns", "cognitive_states", "identity_snapshots", "origins", "experience_memories",
    "pattern_memories", "reembeddings", "conversations", "turns", "goals", "memory_tags",
    "judgements",
}  # fmt: skip


async def _two_spaces(store: MemoryStore) -> dict[str, list[object]]:
    """Spaces `mine` and `theirs` with rows in every table; returns the ids of their memories."""
    ids: dict[str, list[object]] = {}
    for name in ("mine", "theirs"):
        await store.create_space(name)
        space = store.space(name)
        made = await space.encode(
            [
                NewMemory(content=f"{name}: the safe opens with 4711", idempotency_key="k", tags=["safe"]),
                NewMemory(content=f"{name}: the dog is called Bello"),
                NewMemory(content=f"{name}: nobody needs this"),
            ]
        )
        ids[name] = [one.id for one in made]
        first, second, third = (one.id for one in made)
        await space.associate([NewAssociation(source=first, target=second, kind=AssociationKind.ENABLES)])
        await space.forget_these([third], reason="test")
        [derived] = await space.encode([NewMemory(content=f"{name}: made of the first", source_ids=[str(first)])])
        ids[name].append(derived.id)
        await space.record_experience(NewExperience(input=f"{name} asked", memory_ids=[first]))
        await space.observe([Observation(kind=PatternKind.SEMANTIC, signature="topic: safes", source_ids=[first])])
        await space.reembed(HashEmbedder(48), batch=1, most=1)
        await space.save_state({"of": name})
        await space.save_identity({"of": name})
        await space.judge(Judgement(turn="asked", value=-1, shares={first: 1.0}))
        await space.add_goal(f"{name}: keep the safe shut")
        await space.add_turns(
            "talk", [NewTurn(role="user", content=f"{name} asked", at=datetime(2026, 3, 1, tzinfo=UTC))]
        )
    return ids


async def _enter(connection: Connection, name: str) -> None:
    await connection.execute("SELECT set_config('echo.space', id::text, false) FROM echo.spaces WHERE name = $1", name)


async def test_every_table_of_the_schema_is_bound(store: MemoryStore, urls: Urls) -> None:
    await _two_spaces(store)
    connection = await connect(urls.superuser, timeout=30)
    try:
        found = await connection.fetch(
            "SELECT relname, relrowsecurity, relforcerowsecurity FROM pg_class c JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE n.nspname = 'echo' AND c.relkind IN ('r', 'p')"
        )
    finally:
        await connection.close()
    bound = {row["relname"] for row in found if row["relrowsecurity"] and row["relforcerowsecurity"]}
    assert bound == TABLES | {"spaces"}
    # Of no space: services may read the one, and have nothing to do with the other (test_drills.py).
    assert {row["relname"] for row in found} - bound == {"schema_versions", "drills"}


@pytest.mark.parametrize("role", ["service", "owner"])
async def test_sql_sees_its_own_space_and_nothing_without_one(store: MemoryStore, urls: Urls, role: str) -> None:
    await _two_spaces(store)
    connection = await connect(getattr(urls, role), timeout=30)
    try:
        for table in sorted(TABLES):
            await connection.execute("SELECT set_config('echo.space', '', false)")
            assert await connection.fetchval(f"SELECT count(*) FROM echo.{table}") == 0, table
            await _enter(connection, "mine")
            mine = await connection.fetchval("SELECT id FROM echo.spaces WHERE name = 'mine'")
            rows = await connection.fetch(f"SELECT space_id FROM echo.{table}")
            assert rows, table
            assert {row["space_id"] for row in rows} == {mine}, table
    finally:
        await connection.close()


async def test_sql_cannot_write_across(store: MemoryStore, urls: Urls) -> None:
    await _two_spaces(store)
    connection = await connect(urls.service, timeout=30)
    try:
        theirs = await connection.fetchval("SELECT id FROM echo.spaces WHERE name = 'theirs'")
        await _enter(connection, "mine")
        for table in sorted(TABLES):
            assert await connection.execute(f"DELETE FROM echo.{table} WHERE space_id = $1", theirs) == "DELETE 0"
            moved = f"UPDATE echo.{table} SET space_id = $1"
            with pytest.raises(asyncpg.PostgresError) as refused:
                await connection.execute(moved, theirs)
            assert sqlstate(refused.value) in {"42501", "23503", "428C9"}, table
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(
                "INSERT INTO echo.postings (space_id, stem, memory_id, frequency, words) VALUES ($1, 'a', $2, 1, 1)",
                theirs, uuid4(),
            )  # fmt: skip
        assert await connection.execute("UPDATE echo.spaces SET generation = 9 WHERE id = $1", theirs) == "UPDATE 0"
        assert await connection.execute("DELETE FROM echo.spaces WHERE id = $1", theirs) == "DELETE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("ALTER TABLE echo.memories DISABLE ROW LEVEL SECURITY")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM echo.schema_versions")
        await _enter(connection, "theirs")
        assert await connection.fetchval("SELECT count(*) FROM echo.memories") == 4
    finally:
        await connection.close()


async def test_a_space_set_in_one_transaction_is_gone_in_the_next(store: MemoryStore, urls: Urls) -> None:
    """A pooled connection carries nothing over: what the library sets ends with the transaction."""
    await _two_spaces(store)
    connection = await connect(urls.service, timeout=30)
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('echo.space', '1', true)")
            assert await connection.fetchval("SELECT count(*) FROM echo.memories") == 4
        assert await connection.fetchval("SELECT count(*) FROM echo.memories") == 0
    finally:
        await connection.close()


async def test_the_library_finds_nothing_of_the_other_space(store: MemoryStore) -> None:
    ids = await _two_spaces(store)
    mine, theirs = store.space("mine"), store.space("theirs")
    found = await mine.retrieve(Query(text="theirs: the safe opens with 4711", limit=50))
    assert {hit.memory.id for hit in found.hits} == set(ids["mine"]) - {ids["mine"][2]}
    [foreign, *_] = ids["theirs"]
    assert await mine.get([foreign]) == []  # pyright: ignore[reportArgumentType]
    assert await mine.touch([foreign]) == 0  # pyright: ignore[reportArgumentType]
    assert await mine.forgetting_log(memory_id=foreign) == []  # pyright: ignore[reportArgumentType]
    calls = (
        lambda: mine.purge([foreign], reason="across"),  # pyright: ignore[reportArgumentType]
        lambda: mine.forget_these([foreign], reason="across"),  # pyright: ignore[reportArgumentType]
        lambda: mine.restore([foreign]),  # pyright: ignore[reportArgumentType]
        lambda: mine.history(foreign),  # pyright: ignore[reportArgumentType]
        lambda: mine.walk(WalkRequest(starts=[foreign])),  # pyright: ignore[reportArgumentType]
        lambda: mine.encode([NewMemory(content="new", supersedes=foreign)]),  # pyright: ignore[reportArgumentType]
        lambda: mine.associate(
            [NewAssociation(source=ids["mine"][0], target=foreign, kind=AssociationKind.IS_A)]  # pyright: ignore[reportArgumentType]
        ),
    )
    for call in calls:
        with pytest.raises(UnknownMemoryError):
            await call()
    await mine.delete()
    assert (await theirs.stats()).live == 3


async def test_reads_together_stay_in_their_space_and_their_task(store: MemoryStore) -> None:
    """One transaction is of one space: a call on another one, or of another task, has its own."""
    for name in ("one", "other"):
        await store.create_space(name)
    first, second = store.space("one"), store.space("other")
    await first.encode([NewMemory(content="of the first")])
    await second.encode([NewMemory(content="of the second")])

    async def said(space: MemorySpace) -> list[str]:
        return [each.content for each in await space.recent()]

    async with first.together():
        assert await said(first) == ["of the first"]
        assert await said(second) == ["of the second"]
        assert await said(first) == ["of the first"]
        # Of its own task, which has another connection.
        apart = asyncio.gather(*(asyncio.create_task(said(first)) for _ in range(3)))
        assert await said(first) == ["of the first"]
        assert await apart == [["of the first"]] * 3
    assert await said(first) == ["of the first"]
