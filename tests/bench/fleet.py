"""Ensures 20 models on many fake servers in one process and says what that took, as one line of JSON.

The servers are httpx transports in the same process (no sockets), each with a state of its own; their pulls send some
40 lines of progress. What is measured is thus `ollama/` with httpx, asyncio and pydantic, and the fakes.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import time
from collections.abc import AsyncIterator

import httpx

from ollama import ModelName, OllamaClient, WantedModel, ensure_all

MODELS = 20
_BLOBS, _STEPS, _SIZE = 4, 8, 10**9


class _Pull(httpx.AsyncByteStream):
    def __init__(self, lines: list[dict[str, object]]) -> None:
        self._lines = lines

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for line in self._lines:
            await asyncio.sleep(0)
            yield json.dumps(line).encode() + b"\n"


class FakeOllama(httpx.AsyncBaseTransport):
    """A server that has what it pulled."""

    def __init__(self) -> None:
        self._models: dict[str, str] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        body: dict[str, str] = json.loads(request.content) if request.content else {}
        match request.url.path:
            case "/api/version":
                return httpx.Response(200, json={"version": "0.17.4"})
            case "/api/tags":
                listed = [{"name": name, "digest": one, "size": _SIZE} for name, one in self._models.items()]
                return httpx.Response(200, json={"models": listed})
            case "/api/show":
                return httpx.Response(200, json={"modelfile": "FROM /m/blobs/sha256-" + "b" * 64})
            case "/api/pull":
                self._models[ModelName.parse(body["model"]).short] = f"{abs(hash(body['model'])):064x}"
                return httpx.Response(200, stream=_Pull(_lines()))
            case "/api/copy":
                source, destination = ModelName.parse(body["source"]), ModelName.parse(body["destination"])
                self._models[destination.short] = self._models[source.short]
                return httpx.Response(200)
            case "/api/delete":
                gone = self._models.pop(ModelName.parse(body["model"]).short, None)
                return httpx.Response(200) if gone else httpx.Response(404, json={"error": "model not found"})
            case other:
                raise ValueError(other)


def _lines() -> list[dict[str, object]]:
    lines: list[dict[str, object]] = [{"status": "pulling manifest"}]
    for blob in range(_BLOBS):
        for step in range(_STEPS + 1):
            done = _SIZE * step // _STEPS
            lines.append({"status": "pulling", "digest": f"sha256:{blob}", "total": _SIZE, "completed": done})
    return [*lines, *({"status": status} for status in ("verifying sha256 digest", "writing manifest", "success"))]


async def measure(servers: int) -> dict[str, float]:
    """Bring the models to that many servers, look at them again, and return the figures."""
    wanted = [WantedModel(f"m{at}:1", f"store:5000/library/m{at}:1", insecure=True) for at in range(MODELS)]
    https = [httpx.AsyncClient(transport=FakeOllama(), base_url="http://x") for _ in range(servers)]
    clients = [OllamaClient(http, f"chat-{at}") for at, http in enumerate(https)]
    events = 0

    def count(_: object) -> None:
        nonlocal events
        events += 1

    started, started_cpu = time.monotonic(), time.process_time()
    states = await ensure_all(clients, wanted, on_event=count)
    pulled, pulled_cpu = time.monotonic(), time.process_time()
    again = await ensure_all(clients, wanted, on_event=count)
    looked, looked_cpu = time.monotonic(), time.process_time()
    if any(len(found) != MODELS for found in states.values()) or any(
        state.action != "present" for found in again.values() for state in found
    ):
        raise RuntimeError("not every server has what was wanted")
    return {
        "servers": servers,
        "pull_s": pulled - started,
        "look_s": looked - pulled,
        "pull_cpu_s": pulled_cpu - started_cpu,
        "look_cpu_s": looked_cpu - pulled_cpu,
        "events": events,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(measure(int(sys.argv[1])))))
