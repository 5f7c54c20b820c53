"""Streaming over a WebSocket: as over HTTP, several at once, cancelled, refused, and with the same keys."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.echo.conftest import Ollama, Start
from tests.echo.harness import Echo
from tests.replica_agent.harness import until

pytestmark = [pytest.mark.ollama, pytest.mark.anyio]

TALK = {"model": "talker:1", "prompt": "a", "options": {"num_predict": 100_000}}
SHORT = {"model": "tiny:1", "prompt": "a", "options": {"num_predict": 4, "temperature": 0, "seed": 1}}


@asynccontextmanager
async def opened(echo: Echo, **more: Any) -> AsyncGenerator[ClientConnection]:
    headers = {"authorization": f"Bearer {echo.key}"}
    url = echo.main.replace("http", "ws") + "/ws"
    async with connect(url, additional_headers=headers, proxy=None, **more) as socket:
        yield socket


async def ask(socket: ClientConnection, request: str, path: str, body: object) -> None:
    await socket.send(json.dumps({"id": request, "path": path, "body": body}))


async def frames(socket: ClientConnection, request: str) -> list[dict[str, Any]]:
    """Return the frames of one request, to its end; those of others are passed over."""
    found: list[dict[str, Any]] = []
    async with asyncio.timeout(60):
        while not found or not ({"done", "error"} & set(found[-1])):
            frame = json.loads(await socket.recv())
            if frame["id"] == request:
                found.append(frame)
    return found


async def test_each_event_is_a_frame(echo: Echo) -> None:
    async with opened(echo) as socket:
        await ask(socket, "1", "/api/generate", SHORT)
        first, *events, last = await frames(socket, "1")
        assert (first, last) == ({"id": "1", "status": 200}, {"id": "1", "done": True})
        assert events[-1]["data"]["eval_count"] == 4
        assert "".join(one["data"]["response"] for one in events)
        chat = {"model": "tiny:1", "messages": [{"role": "user", "content": "a"}], "stream": True, "max_tokens": 3}
        await ask(socket, "2", "/v1/chat/completions", chat)
        _, *events, last = await frames(socket, "2")
        assert all(one["data"]["object"] == "chat.completion.chunk" for one in events)
        assert last == {"id": "2", "done": True}
        await ask(socket, "3", "/api/embed", {"model": "tiny:1", "input": "a"})
        _, whole, _ = await frames(socket, "3")
        assert len(whole["data"]["embeddings"]) == 1


async def test_several_at_once(echo: Echo) -> None:
    async with opened(echo) as socket:
        await ask(socket, "long", "/api/generate", TALK)
        # Another model, so it need not wait for the first.
        await ask(socket, "short", "/api/generate", SHORT)
        assert (await frames(socket, "short"))[-1] == {"id": "short", "done": True}
        await socket.send(json.dumps({"id": "long", "cancel": True}))
        assert (await frames(socket, "long"))[-1] == {"id": "long", "done": True, "cancelled": True}


async def test_who_closes_stops_what_runs(echo: Echo) -> None:
    async with opened(echo) as socket:
        await ask(socket, "1", "/api/generate", TALK)
        await socket.recv()
        assert echo.replicas()[0]["running"] >= 1
    until(lambda: echo.replicas()[0]["running"] == 0)
    until(lambda: echo.metric("websockets") == 0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "a frame must be"),
        ("{", "a frame must be"),
        ('{"id": 1}', "a frame must be"),
        ('{"id": "1", "x": 1}', "a frame must be"),
        ('{"id": "", "path": "/api/chat", "body": {}}', "`id` must have"),
        ('{"id": "1", "path": "/admin/config", "body": {}}', "`path` must be one of"),
        ('{"id": "1", "path": "/api/chat"}', "`path` must be one of"),
    ],
)
async def test_wrong_frames_are_told_and_the_connection_stays(echo: Echo, text: str, told: str) -> None:
    async with opened(echo) as socket:
        await socket.send(text)
        assert told in json.loads(await socket.recv())["error"]
        await ask(socket, "2", "/api/chat", {"model": "none"})
        status, data, _ = await frames(socket, "2")
        assert (status["status"], data["data"]) == (404, {"error": "model 'none' not found"})


async def test_too_many_on_one_connection(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo({"name": "chat", "url": ollama.url}, limits={"websocketStreams": 2, "websockets": 1})
    async with opened(echo) as socket:
        for request in ("1", "2", "2", "3"):
            await ask(socket, request, "/api/generate", TALK)
        assert "with this id" in (await frames(socket, "2"))[-1]["error"]
        assert "2 requests run" in (await frames(socket, "3"))[-1]["error"]
        with pytest.raises((InvalidStatus, ConnectionClosed)):
            async with opened(echo) as other:
                await other.recv()


async def test_a_frame_above_the_limit_ends_the_connection(start_echo: Start, ollama: Ollama) -> None:
    echo = start_echo({"name": "chat", "url": ollama.url}, limits={"maxRequestBytes": 2000})
    async with opened(echo) as socket:
        await ask(socket, "1", "/api/generate", {**SHORT, "prompt": "a" * 3000})
        with pytest.raises(ConnectionClosed) as found:
            await socket.recv()
        assert found.value.rcvd is not None
        assert found.value.rcvd.code == 1009


@pytest.mark.parametrize("path", ["/ws", "/elsewhere"])
async def test_no_key_no_socket(echo: Echo, path: str) -> None:
    url = echo.main.replace("http", "ws") + path
    for headers in ({}, {"authorization": "Bearer wrong"}):
        with pytest.raises(InvalidStatus) as found:
            async with connect(url, additional_headers=headers, proxy=None):
                pass
        assert found.value.response.status_code in {401, 429}


async def test_a_browser_shows_its_key_as_a_protocol(echo: Echo) -> None:
    url = echo.main.replace("http", "ws") + "/ws"
    shown = ["echorator", f"echorator.key.{echo.key}"]
    async with connect(url, subprotocols=shown, proxy=None) as socket:  # pyright: ignore[reportArgumentType]
        # The key is not sent back.
        assert socket.subprotocol == "echorator"
