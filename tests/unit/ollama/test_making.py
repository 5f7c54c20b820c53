"""Making a model, on servers made up here: stalls, cuts, a base that went away, what is sent.

Proves: what counts as progress, what is tried again, and the requests. Real creations are in tests/ollama.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from ollama import ConfigurationError, OllamaClient, PullEvent, PullPolicy, ResourceError, SystemFault, TransientError
from ollama.files import FileStamp
from ollama.making import make
from ollama.names import ModelName
from ollama.steps import Steps, VanishedError
from ollama.uploads import upload

pytestmark = pytest.mark.anyio

FAST = PullPolicy(attempts=3, backoff_base_s=0, backoff_max_s=0, no_progress_s=0.2, create_bytes_per_s=100)
NAME = ModelName.parse("m:t")
SUCCESS = {"status": "success"}


class Script(httpx.AsyncByteStream):
    """Sends lines; a number in between waits for so many seconds."""

    def __init__(self, steps: list[dict[str, Any] | float]) -> None:
        self._steps = steps

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for step in self._steps:
            if isinstance(step, dict):
                yield json.dumps(step).encode() + b"\n"
            else:
                await asyncio.sleep(step)


class Server:
    """Answers each creation with the next script."""

    def __init__(self, *scripts: list[dict[str, Any] | float], has: frozenset[str] = frozenset()) -> None:
        self._scripts = iter(scripts)
        self._has = has
        self.sent: list[dict[str, Any]] = []
        self.events: list[PullEvent] = []

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.method == "HEAD":
            return httpx.Response(200 if request.url.path.removeprefix("/api/blobs/") in self._has else 404)
        assert request.url.path == "/api/create"
        self.sent.append(json.loads(request.content))
        return httpx.Response(200, stream=Script(next(self._scripts)))

    async def make(self, heavy_bytes: int = 0, sent: Sequence[str] = ()) -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(self._answer), base_url="http://x") as http:
            steps = Steps(OllamaClient(http, "chat-0"), "m:t", FAST, self.events.append)
            await make(steps, NAME, {"from": "base"}, heavy_bytes=heavy_bytes, sent=sent)


async def test_what_is_sent_and_told() -> None:
    quantizing = {"status": "quantizing F16 model to Q8_0", "total": 100, "completed": 40}
    server = Server([{"status": "converting model"}, quantizing, SUCCESS])
    await server.make()
    assert server.sent == [{"from": "base", "model": NAME.full}]
    assert server.events == [
        PullEvent("chat-0", "m:t", "creating", 0, 0, "converting model"),
        PullEvent("chat-0", "m:t", "quantizing", 40, 100, "quantizing F16 model to Q8_0"),
    ]


async def test_silence_is_cancelled_and_tried_again() -> None:
    server = Server([{"status": "parsing GGUF"}, 60.0], [SUCCESS])
    await server.make()
    assert len(server.sent) == 2
    assert server.events[-1].phase == "retrying"
    assert server.events[-1].detail == "no progress for 0.2 s while creating: the last word was `parsing GGUF`"


async def test_heavy_work_may_be_silent_for_longer() -> None:
    server = Server([{"status": "converting model"}, 0.4, SUCCESS])
    await server.make(heavy_bytes=100)
    assert len(server.sent) == 1


async def test_attempts_end() -> None:
    with pytest.raises(TransientError, match="gave up after 3 tries to create the model: the creation ended without"):
        await Server([], [{"status": "x"}], []).make()
    server = Server([{"error": "write x: no space left on device"}])
    with pytest.raises(ResourceError, match="cannot create it: write x: no space left"):
        await server.make()


async def test_a_base_that_went_away_is_not_fetched_from_the_public_registry() -> None:
    server = Server([{"status": "pulling manifest"}, 60.0])
    with pytest.raises(VanishedError, match="the base model is gone"):
        await server.make()
    assert len(server.sent) == 1


async def test_a_file_that_the_server_forgot_is_not_taken_for_a_bad_one() -> None:
    one, other = "sha256:" + "a" * 64, "sha256:" + "b" * 64
    forgot: list[dict[str, Any] | float] = [{"error": "unknown type"}]
    with pytest.raises(VanishedError, match="a file that was sent is gone from the replica: unknown type"):
        await Server(forgot, has=frozenset([one])).make(sent=[one, other])
    with pytest.raises(ConfigurationError, match="cannot create it: unknown type"):
        await Server(forgot, has=frozenset([one, other])).make(sent=[one, other])


async def sent(path: Path, answer: httpx.Response, *, size: int = 3) -> list[tuple[str, str, bytes, str]]:
    seen: list[tuple[str, str, bytes, str]] = []

    async def reply(request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        seen.append((request.method, request.url.path, body, request.headers.get("content-length", "")))
        return httpx.Response(404) if request.method == "HEAD" else answer

    async with httpx.AsyncClient(transport=httpx.MockTransport(reply), base_url="http://x") as http:
        steps = Steps(OllamaClient(http, "chat-0"), "m:t", FAST, lambda _: None)
        stamp = FileStamp(str(path), size, 0, "sha256:" + "a" * 64)
        await upload(steps, [stamp])
    return seen


async def test_a_file_is_asked_for_and_sent_with_its_length(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc" * 3_000_000)
    where = "/api/blobs/sha256:" + "a" * 64
    for status in (200, 201):
        seen = await sent(path, httpx.Response(status), size=9_000_000)
        assert [(method, at) for method, at, _, _ in seen] == [("HEAD", where), ("POST", where)]
        assert (seen[1][2], seen[1][3]) == (path.read_bytes(), "9000000")


async def test_a_file_that_changes_or_goes_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    mismatch = httpx.Response(400, json={"error": 'digest mismatch, expected "a", got "b"'})
    with pytest.raises(SystemFault, match=r"cannot send `.*/x`: .*; the file changes"):
        await sent(path, mismatch)
    with pytest.raises(SystemFault, match=r"`.*/none` cannot be read: No such file"):
        await sent(tmp_path / "none", httpx.Response(201))
    with pytest.raises(ConfigurationError):
        await sent(path, httpx.Response(403, json={"error": "clients may not manage models"}))


async def test_loading_and_unloading() -> None:
    seen: list[tuple[str, dict[str, Any]]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.path, json.loads(request.content)))
        return httpx.Response(200, json={"done": True})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://x") as http:
        client = OllamaClient(http, "chat-0")
        await client.load("m:t")
        await client.load("m:t", keep_alive="-1")
        await client.load("m:t", keep_alive="24h", embedding=True)
        await client.unload("m:t")
    assert seen == [
        ("/api/generate", {"model": "m:t", "stream": False}),
        ("/api/generate", {"model": "m:t", "keep_alive": -1.0, "stream": False}),
        ("/api/embed", {"model": "m:t", "keep_alive": "24h", "input": []}),
        ("/api/generate", {"model": "m:t", "keep_alive": 0, "stream": False}),
    ]
