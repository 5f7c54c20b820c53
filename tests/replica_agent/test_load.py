"""The gate's cost: memory, many streams at once, start-up, and what it adds to an answer, in one run with none.

Limits here are wide, since the machine may be busy; each figure is printed (`-s`), and the comparison takes turns, so
that both ways see the same machine. Models are tiny, so the gate's share is larger than with any real one.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.replica_agent.conftest import Rig
from tests.replica_agent.harness import Agent, create_talker, listing, until

pytestmark = [pytest.mark.ollama, pytest.mark.timeout(300)]

MEMORY_LIMIT = 64 << 20


def resident(agent: Agent) -> int:
    """Return the resident bytes of an agent's process."""
    lines = Path(f"/proc/{agent.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) * 1024


def tell(text: str) -> None:
    print(f"\n{text}", file=sys.stderr)


def ready_agent(rig: Rig) -> Agent:
    create_talker(rig.ollama.url)
    rig.api.publish(listing())
    agent = rig.start(lookSeconds=60)
    until(agent.ready)
    return agent


async def answer(client: httpx.AsyncClient, body: dict[str, Any]) -> dict[str, Any]:
    """Stream one answer; return its last line."""
    last = ""
    async with client.stream("POST", "/api/generate", json=body) as response:
        assert response.status_code == 200
        async for line in response.aiter_lines():
            last = line
    return json.loads(last)


def many(agent: Agent, count: int, body: dict[str, Any], at_once: int) -> list[dict[str, Any]]:
    async def run() -> list[dict[str, Any]]:
        limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
        async with httpx.AsyncClient(base_url=agent.gate, limits=limits, timeout=240, trust_env=False) as client:
            return await asyncio.gather(*(answer(client, body) for _ in range(count)))

    return asyncio.run(run())


def test_memory_at_the_start_and_after_many_requests(rig: Rig) -> None:
    agent = ready_agent(rig)
    start = resident(agent)
    limits = httpx.Limits(max_connections=8)
    body = {"model": "talker:1", "prompt": "a", "options": {"num_predict": 2}}
    with httpx.Client(base_url=agent.gate, limits=limits, timeout=60, trust_env=False) as client:
        for _ in range(2000):
            client.post("/api/generate", json=body).raise_for_status()
    end = resident(agent)
    tell(f"resident: {start >> 20} MiB at the start, {end >> 20} MiB after 2,000 requests")
    assert agent.metric("requests_total", route="/api/generate", status="200") == 2000
    assert agent.metric("request_errors_total") == 0
    assert start < MEMORY_LIMIT
    assert end < MEMORY_LIMIT
    assert end - start < 8 << 20


def test_two_hundred_streams_at_once(rig: Rig) -> None:
    agent = ready_agent(rig)
    body = {"model": "talker:1", "prompt": "a", "options": {"num_predict": 20}}
    many(agent, 1, body, 1)
    began = time.monotonic()
    lines = many(agent, 200, body, 200)
    took = time.monotonic() - began
    memory = resident(agent)
    tell(f"200 streams at once: {took:.1f} s, {memory >> 20} MiB resident at the end")
    assert [line["eval_count"] for line in lines] == [20] * 200
    until(lambda: agent.report().in_flight == 0)
    assert agent.metric("requests_total", route="/api/generate", status="200") == 201
    assert agent.metric("request_errors_total") == 0
    assert memory < MEMORY_LIMIT


def one_stream(client: httpx.Client) -> tuple[float, float]:
    """Return the time to the first piece and the tokens a second of one answer, as a client sees them."""
    body = {"model": "talker:1", "prompt": "a", "options": {"num_predict": 400}}
    began = time.perf_counter()
    first, last = 0.0, ""
    with client.stream("POST", "/api/generate", json=body) as response:
        for line in response.iter_lines():
            first = first or time.perf_counter() - began
            last = line
    return first, json.loads(last)["eval_count"] / (time.perf_counter() - began)


def test_what_the_gate_adds_to_an_answer(rig: Rig) -> None:
    agent = ready_agent(rig)
    seen: dict[str, list[tuple[float, float]]] = {"direct": [], "gate": []}
    with (
        httpx.Client(base_url=rig.ollama.url, timeout=60, trust_env=False) as direct,
        httpx.Client(base_url=agent.gate, timeout=60, trust_env=False) as gate,
    ):
        for turn in range(21):
            for name, client in (("direct", direct), ("gate", gate)):
                figures = one_stream(client)
                if turn:
                    seen[name].append(figures)
    first = {name: statistics.median(f for f, _ in figures) * 1000 for name, figures in seen.items()}
    rate = {name: statistics.median(r for _, r in figures) for name, figures in seen.items()}
    tell(
        f"first piece: {first['direct']:.1f} ms direct, {first['gate']:.1f} ms through the gate "
        f"(+{first['gate'] - first['direct']:.1f} ms)\n"
        f"tokens/s: {rate['direct']:.0f} direct, {rate['gate']:.0f} through the gate "
        f"(ratio {rate['gate'] / rate['direct']:.2f})"
    )
    assert first["gate"] - first["direct"] < 50
    assert rate["gate"] / rate["direct"] > 0.5


def test_start_up(rig: Rig) -> None:
    """The time that the processor works for it, since waiting for the processor is not the agent's doing."""
    rig.api.publish(listing())
    agent = rig.start()
    fields = Path(f"/proc/{agent.pid}/stat").read_text().rpartition(")")[2].split()
    took = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    tell(f"from the process's start to /healthz: {took:.2f} s of processor time")
    assert took < 1.5
