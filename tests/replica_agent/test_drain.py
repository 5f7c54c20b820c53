"""Leaving without dropping a request: an agent before a real Ollama that streams answers of some seconds.

What a kubelet does around it (hooks of two containers, grace period, endpoints) is shown on the local cluster.
"""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.replica_agent.conftest import Rig
from tests.replica_agent.harness import Agent, create_talker, listing, until

pytestmark = pytest.mark.ollama

WHOLE = 2281
"""Tokens of the talker's whole answer to `a`."""


def talk(gate: str, tokens: int = 100_000) -> httpx.Response:
    body = {"model": "talker:1", "prompt": "a", "options": {"num_predict": tokens}}
    return httpx.post(f"{gate}/api/generate", json=body, timeout=60, trust_env=False)


def tokens_of(answer: httpx.Response) -> int:
    assert answer.status_code == 200
    last: dict[str, Any] = json.loads(answer.text.splitlines()[-1])
    assert last["done"] is True
    return int(last["eval_count"])


def ready_agent(rig: Rig, **settings: object) -> Agent:
    create_talker(rig.ollama.url)
    rig.api.publish(listing())
    agent = rig.start(lookSeconds=60, **settings)
    until(agent.ready)
    assert tokens_of(talk(agent.gate, 1)) == 1
    return agent


def test_what_runs_ends_whole_and_what_comes_late_is_sent_on(rig: Rig) -> None:
    agent = ready_agent(rig)
    with ThreadPoolExecutor(8) as pool:
        first: Future[httpx.Response] = pool.submit(talk, agent.gate)
        until(lambda: agent.report().in_flight == 1)
        drained = pool.submit(agent.get, "/drain")
        until(lambda: agent.report().draining)
        second = pool.submit(talk, agent.gate)
        until(lambda: agent.report().in_flight == 2)
        assert not agent.ready()
        assert agent.report().phase == "Terminating"
        time.sleep(0.6)
        refused = talk(agent.gate)
        assert refused.status_code == 503
        assert refused.headers["connection"] == "close"
        assert int(refused.headers["retry-after"]) > 0
        assert "leaving" in refused.json()["error"]
        assert not drained.done()
        assert tokens_of(first.result()) == WHOLE
        assert not drained.done()
        assert tokens_of(second.result()) == WHOLE
        assert second.result().headers["connection"] == "close"
        answer = drained.result(5)
    assert answer.status_code == 200
    assert answer.json()["done"] is True
    again = agent.get("/drain")
    assert again.status_code == 200
    until(lambda: "Draining" in rig.api.reasons())
    os.kill(agent.pid, signal.SIGTERM)
    began = time.monotonic()
    assert agent.exit_code() == 0
    assert time.monotonic() - began < 3


def test_a_signal_without_a_hook_drains_too(rig: Rig) -> None:
    agent = ready_agent(rig)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(talk, agent.gate)
        until(lambda: agent.report().in_flight == 1)
        os.kill(agent.pid, signal.SIGTERM)
        assert tokens_of(running.result()) == WHOLE
    assert agent.exit_code() == 0
    assert agent.logged("stopped")


def test_a_second_signal_does_not_wait(rig: Rig) -> None:
    agent = ready_agent(rig, drainSettleSeconds=20)
    os.kill(agent.pid, signal.SIGTERM)
    until(lambda: agent.report().draining)
    os.kill(agent.pid, signal.SIGTERM)
    began = time.monotonic()
    assert agent.exit_code() == 0
    assert time.monotonic() - began < 5


def test_the_limit_ends_a_drain(rig: Rig) -> None:
    agent = ready_agent(rig, drainLimitSeconds=0.8)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(talk, agent.gate)
        until(lambda: agent.report().in_flight == 1)
        answer = agent.get("/drain")
        assert answer.status_code == 504
        assert answer.json()["inFlight"] == 1
        assert tokens_of(running.result()) == WHOLE


def test_a_drain_is_taken_back_when_only_ollama_was_restarted(rig: Rig) -> None:
    agent = ready_agent(rig)
    assert agent.get("/drain").status_code == 200
    assert talk(agent.gate, 1).status_code == 503
    rig.ollama.stop(signal.SIGTERM)
    rig.ollama.start()
    until(agent.ready)
    assert not agent.report().draining
    assert tokens_of(talk(agent.gate, 1)) == 1
    assert agent.logged("drain_taken_back")


def test_a_dead_ollama_does_not_hold_up_a_drain(rig: Rig) -> None:
    agent = ready_agent(rig)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(talk, agent.gate)
        until(lambda: agent.report().in_flight == 1)
        os.killpg(rig.ollama.pid, signal.SIGSTOP)
        try:
            until(lambda: agent.report().in_flight == 1 and not agent.ready(), 30)
            began = time.monotonic()
            answer = agent.get("/drain")
            assert answer.status_code == 504
            assert "not answered" in answer.json()["reason"]
            assert time.monotonic() - began < 20
        finally:
            os.killpg(rig.ollama.pid, signal.SIGCONT)
        assert tokens_of(running.result()) == WHOLE
