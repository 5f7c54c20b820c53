"""Probes, report and metrics for each state of a replica.

Not shown: a kubelet that asks, and a drain with requests; tests/replica_agent and the local cluster show those.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import httpx
import pytest

from ollama.document import Pull, WantedEntry
from replica_agent.app import create_app
from replica_agent.drain import Drain
from replica_agent.metrics import Metrics
from replica_agent.report import ReplicaReport
from replica_agent.status import Status

pytestmark = pytest.mark.anyio


@dataclass
class Rig:
    """An agent's face, and what its Ollama answers with: a status, or 0 for no answer."""

    status: Status
    drain: Drain
    client: httpx.AsyncClient
    ollama: list[int] = field(default_factory=lambda: [200])
    looks: list[int] = field(default_factory=list[int])

    async def get(self, path: str) -> tuple[int, str]:
        answer = await self.client.get(path)
        return answer.status_code, answer.text


@pytest.fixture
async def rig() -> AsyncGenerator[Rig]:
    status = Status("chat", "chat-0")
    drain = Drain(settle_s=0.0, limit_s=0.0, on_begin=lambda: None)
    codes, looks = [200], list[int]()

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/version"
        if codes[0] == 0:
            raise httpx.ConnectError("refused")
        return httpx.Response(codes[0], json={"version": "0.17.4"})

    ollama = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://ollama")
    app = create_app(status, Metrics(status), drain, ollama, lambda: looks.append(1))
    async with ollama, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://agent") as client:
        yield Rig(status, drain, client, codes, looks)


async def test_readiness(rig: Rig) -> None:
    assert await rig.get("/readyz") == (503, "no wanted list yet\n")
    rig.status.adopt([WantedEntry(name="a:1", pull=Pull(source="s/library/a:1"))], "r1")
    assert await rig.get("/readyz") == (503, "not there yet: a:1 (Pending)\n")
    next(iter(rig.status)).enter("Ready")
    assert await rig.get("/readyz") == (503, "looking\n")
    rig.status.admitted = True
    assert await rig.get("/readyz") == (200, "ok\n")
    next(iter(rig.status)).enter("Pulling")
    assert (await rig.get("/readyz"))[0] == 200
    rig.ollama[0] = 0
    assert (await rig.get("/readyz"))[0] == 503
    rig.ollama[0] = 200
    rig.drain.begin()
    assert await rig.get("/readyz") == (503, "this replica is leaving\n")


async def test_liveness(rig: Rig) -> None:
    for code, expected in ((200, 200), (500, 503), (0, 503)):
        rig.ollama[0] = code
        assert (await rig.get("/ollama/livez"))[0] == expected
        assert await rig.get("/healthz") == (200, "ok\n")


async def test_report_and_metrics(rig: Rig) -> None:
    rig.status.adopt([WantedEntry(name="a:1", pull=Pull(source="s/library/a:1"))], "r1")
    report = ReplicaReport.model_validate_json((await rig.get("/v1/models"))[1])
    assert [model.name for model in report.models] == ["a:1"]
    text = (await rig.get("/metrics"))[1]
    assert 'replica_model_phase{model="a:1",phase="Pending"} 1.0' in text
    rig.status.adopt([], "r2")
    assert 'model="a:1"' not in (await rig.get("/metrics"))[1]


async def test_a_drain_says_how_it_ended(rig: Rig) -> None:
    with rig.drain.request():
        answer = await rig.client.get("/drain")
    assert answer.status_code == 504
    assert answer.json()["inFlight"] == 1
    answer = await rig.client.get("/drain")
    assert (answer.status_code, answer.json()["done"]) == (200, True)


async def test_a_look_can_be_asked_for(rig: Rig) -> None:
    assert await rig.get("/v1/look") == (200, "{}")
    assert rig.looks == [1]


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/ollama/livez", "/metrics", "/v1/models", "/drain"])
async def test_nothing_here_is_posted(rig: Rig, path: str) -> None:
    assert (await rig.client.post(path)).status_code == 405
