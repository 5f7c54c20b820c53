"""Working memory on a real Redis: what it keeps, and what is said when Redis is lost, full, or holds something else."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from echo.memory import MemorySpace, NewMemory, Query, WorkingMemory
from tests.memory.conftest import SetClock
from tests.support.redis import RedisServer

pytestmark = pytest.mark.anyio


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction") as running:
        yield running


@pytest.fixture
async def memory(server: RedisServer, clock: SetClock) -> AsyncIterator[WorkingMemory]:
    # A loaded machine may take longer for an answer than the second that a service waits.
    client: Redis = Redis.from_url(server.url, socket_timeout=30.0, socket_connect_timeout=30.0)  # pyright: ignore[reportUnknownMemberType]
    made = WorkingMemory(client, clock=clock, capacity=3)
    yield made
    await made.close()


async def test_the_last_items_of_each_session_are_kept_for_a_while(
    memory: WorkingMemory, server: RedisServer, clock: SetClock
) -> None:
    report = await memory.items("home", "s")
    assert (report.available, report.items) == (True, ())
    for i in range(5):
        clock.forward(minutes=1)
        report = await memory.push("home", "s", f"thought {i} - ü", attention=i / 10, metadata={"n": i})
    assert report.available
    assert [item.content for item in report.items] == ["thought 4 - ü", "thought 3 - ü", "thought 2 - ü"]
    assert (report.items[0].at, report.items[0].attention, report.items[0].metadata) == (clock.now, 0.4, {"n": 4})
    await memory.push("home", "other", "elsewhere")
    await memory.push("away", "s", "another space")
    assert await memory.items("home", "s") == report
    client: Redis = Redis.from_url(server.url)  # pyright: ignore[reportUnknownMemberType]
    left = await client.ttl("echo:working:home:s")
    await client.aclose()
    assert 0 < left <= 3_600
    assert (await memory.clear("home", "s")).available
    assert (await memory.items("home", "s")).items == ()
    assert [item.content for item in (await memory.items("home", "other")).items] == ["elsewhere"]


async def test_a_redis_that_is_killed_costs_what_is_in_mind_and_nothing_else(
    memory: WorkingMemory, server: RedisServer, space: MemorySpace
) -> None:
    await memory.push("home", "s", "in mind")
    await space.encode([NewMemory(content="kept for good")])
    server.kill()
    for report in (
        await memory.items("home", "s"),
        await memory.push("home", "s", "lost"),
        await memory.clear("home", "s"),
    ):
        assert (report.available, report.items) == (False, ())
        assert "lost for now" in report.problem
    assert [hit.memory.content for hit in (await space.retrieve(Query(text="kept"))).hits] == ["kept for good"]
    server.start()
    # It is empty, and says that it is there again.
    assert await memory.items("home", "s") == await memory.clear("home", "s")
    again = await memory.push("home", "s", "new")
    assert (again.available, [item.content for item in again.items]) == (True, ["new"])


async def test_a_full_redis_is_said_so(memory: WorkingMemory) -> None:
    problem = ""
    for i in range(400):
        report = await memory.push("home", f"s{i}", "x" * 60_000)
        if not report.available:
            problem = report.problem
            break
    assert "lost for now" in problem
    assert (await memory.items("home", "s0")).available, "what is held can be read"


async def test_what_others_left_under_its_key_is_no_error(memory: WorkingMemory, server: RedisServer) -> None:
    client: Redis = Redis.from_url(server.url)  # pyright: ignore[reportUnknownMemberType]
    await client.set("echo:working:home:s", "no list")
    await client.lpush("echo:working:home:t", "no json", '{"content": 1}')  # pyright: ignore[reportGeneralTypeIssues]
    await client.aclose()
    for session in ("s", "t"):
        report = await memory.items("home", session)
        assert (report.available, report.items) == (False, ())
        assert report.problem
    assert (await memory.clear("home", "s")).available
    assert (await memory.push("home", "s", "fine")).available


async def test_a_wrong_password_is_said_so(server: RedisServer, clock: SetClock) -> None:
    memory = WorkingMemory.connect(server.url.replace(server.password, "wrong"), clock=clock)
    try:
        report = await memory.push("home", "s", "a thought")
        assert (report.available, report.items) == (False, ())
        assert server.password not in report.problem
    finally:
        await memory.close()
