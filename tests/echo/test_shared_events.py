"""Events between replicas of the service, over a real Redis: they arrive once, in their space, and its loss is told.

Redis listens without TLS here; the stack's own, with TLS and users, is in tests/memory_store.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from websockets.asyncio.client import ClientConnection, connect

from echo.remember import relay as relays
from echo.remember.hub import Hub, Listener
from echo.remember.relay import Relay
from tests.echo.conftest import Ollama
from tests.echo.remembering import Person, Remembering, remembering, wait_open
from tests.replica_agent.harness import until
from tests.support.postgres import SERVICE, Postgres
from tests.support.redis import RedisServer

WAIT_S = 90


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


@pytest.fixture
def url_file(tmp_path: Path, server: RedisServer) -> Path:
    file = tmp_path / "redis-url"
    file.write_text(server.url + "\n")
    return file


@asynccontextmanager
async def replicas(file: Path, number: int = 2) -> AsyncGenerator[list[Relay]]:
    """Relays with a hub each, that run."""
    found = [Relay(Hub(10), file) for _ in range(number)]
    running = [asyncio.create_task(one.run()) for one in found]
    try:
        yield found
    finally:
        for one in running:
            one.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def reached(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():  # noqa: ASYNC110 - it is of another task, which tells nobody
            await asyncio.sleep(0.02)


async def heard(listener: Listener, **wanted: object) -> list[dict[str, Any]]:
    """What a listener hears, up to an event with these fields."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(WAIT_S):
        while not found or not wanted.items() <= found[-1].items():
            found.append(await listener.next())
    return found


@pytest.mark.anyio
async def test_events_arrive_once_in_order_and_in_their_space(url_file: Path) -> None:
    async with replicas(url_file) as (one, two), AsyncExitStack() as stack:
        await reached(lambda: one.state == two.state == "shared")
        mine = stack.enter_context(one.hub.listen("home"))
        theirs = stack.enter_context(two.hub.listen("home"))
        other = stack.enter_context(two.hub.listen("away"))
        for relay, space in ((one, "home"), (two, "home"), (two, "away")):
            assert await relay.follows(space)
        for i in range(50):
            one.hub.publish("home", "memory", id=i)
        one.hub.publish("away", "goal", id="last")
        assert [event["id"] for event in await heard(theirs, id=49)] == list(range(50))
        assert [event["id"] for event in await heard(mine, id=49)] == list(range(50))
        assert [event["type"] for event in await heard(other, id="last")] == ["goal"]
        # Its own come back to nobody: the next that the sender hears is the next of the other one.
        two.hub.publish("home", "turn", id="back")
        assert [event["id"] for event in await heard(mine, id="back")] == ["back"]


@pytest.mark.anyio
async def test_a_lost_redis_is_told_and_found_again(
    url_file: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What happens here is heard all the while; nothing of a time without Redis comes later."""
    monkeypatch.setattr(relays, "_AGAIN_S", 0.1)
    async with replicas(url_file) as (one, two):
        await reached(lambda: one.state == two.state == "shared")
        with one.hub.listen("home") as mine, two.hub.listen("home") as theirs:
            await two.follows("home")
            server.kill()
            await reached(lambda: one.state == two.state == "lost")
            one.hub.publish("home", "memory", id="alone")
            await heard(mine, id="alone")
            server.start()
            await reached(lambda: one.state == two.state == "shared")
            one.hub.publish("home", "memory", id="again")
            events = await heard(theirs, id="again")
            assert {"type": "missed", "number": None} in events
            assert not [event for event in events if event.get("id") == "alone"]


@pytest.mark.anyio
async def test_another_url_is_taken_and_a_wrong_one_or_none_is_told(
    url_file: Path, server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(relays, "_LOOK_S", 0.1)
    monkeypatch.setattr(relays, "_AGAIN_S", 0.1)
    async with replicas(url_file, 1) as (one,):
        await reached(lambda: one.state == "shared")
        for text, state in (
            (server.url.replace(server.password, "wrong"), "lost"),
            ("what is no URL", "lost"),
            ("", "local"),
            (server.url + "?client_name=again", "shared"),
        ):
            await asyncio.to_thread(url_file.write_text, text)
            await reached(lambda state=state: one.state == state)
        await asyncio.to_thread(url_file.unlink)
        await reached(lambda: one.state == "local")
    assert server.password not in caplog.text
    assert "wrong" not in caplog.text


@pytest.mark.anyio
async def test_what_others_send_on_a_channel_harms_nobody(url_file: Path, server: RedisServer) -> None:
    async with replicas(url_file, 1) as (one,):
        await reached(lambda: one.state == "shared")
        with one.hub.listen("home") as mine:
            await one.follows("home")
            client: Redis = Redis.from_url(server.url)  # pyright: ignore[reportUnknownMemberType]
            try:
                good = json.dumps({"by": "x", "event": {"type": "goal", "id": "good"}})
                large = json.dumps({"by": "x", "event": {"type": "goal", "id": "x" * 9_000}})
                for text in ("", "no json", "[]", '{"event": 1}', '{"event": {"type": 1}}', b"\xff", large, good):
                    await client.publish("echo:events:home", text)
            finally:
                await client.aclose()
            assert [event["id"] for event in await heard(mine, id="good")] == ["good"]


def test_too_many_events_drop_the_oldest_and_are_counted() -> None:
    """Nobody sends here, so that all wait."""
    hub = Hub(1)
    one = Relay(hub, None)
    hub.publish("home", "memory", id="nowhere")
    one.state = "shared"
    for i in range(1_010):
        hub.publish("home", "memory", id=i)
    assert (one.unsent, one.waiting) == (10, 1_000)


@pytest.mark.ollama
def test_a_listener_at_one_replica_hears_of_another(
    ollama: Ollama, postgres: Postgres, tmp_path: Path, server: RedisServer, url_file: Path
) -> None:
    """Two services on one database; without Redis each tells of itself, and health says so."""
    database = tmp_path / "url"
    database.write_text(postgres.url(postgres.create(), SERVICE))
    events = str(url_file)

    async def listening(one: Remembering, person: Person) -> ClientConnection:
        url = one.echo.main.replace("http", "ws") + f"/echo/events?space={person.home}"
        return await connect(url, additional_headers={"x-api-key": person.key}, proxy=None)

    async def told(socket: ClientConnection, memory: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(WAIT_S):
            while not found or found[-1].get("id") != memory:
                found.append(json.loads(await socket.recv()))
        return found

    def state(one: Remembering) -> str:
        return one.echo.get("/dte/health").json()["events"]

    async def run(here: Remembering, there: Remembering) -> None:
        async with await listening(there, there.ann) as ann, await listening(there, there.bob) as bob:
            memory = await asyncio.to_thread(here.remember, here.ann, "The dodo is in the hall.")
            [event] = [one for one in await told(ann, memory) if one["type"] != "missed"]
            assert (event["type"], event["what"]) == ("memory", "created")
            theirs = await asyncio.to_thread(here.remember, here.bob, "The auk is in the yard.")
            # Bob hears of his own space alone.
            assert [one["id"] for one in await told(bob, theirs) if one["type"] != "missed"] == [theirs]
            server.kill()
            await asyncio.to_thread(until, lambda: (state(here), state(there)) == ("lost", "lost"), WAIT_S)
            assert here.echo.metric("events_shared") == 0
            alone = await asyncio.to_thread(there.remember, there.ann, "Nobody carries this.")
            await told(ann, alone)

    with (
        remembering(tmp_path / "here", ollama, database, eventsUrlFile=events) as here,
        remembering(tmp_path / "there", ollama, database, eventsUrlFile=events) as there,
    ):
        for one in (here, there):
            wait_open(one)
        until(lambda: (state(here), state(there)) == ("shared", "shared"), WAIT_S)
        asyncio.run(run(here, there))
        for one in (here, there):
            assert server.password not in one.echo.log.read_text()
