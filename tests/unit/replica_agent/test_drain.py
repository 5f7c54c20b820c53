"""When a drain takes requests, when it ends and how.

Not shown: real requests and a real Ollama; tests/replica_agent/test_drain.py shows those.
"""

from __future__ import annotations

import asyncio

import pytest

from replica_agent.drain import Drain

pytestmark = pytest.mark.anyio


def make(settle_s: float = 0.05, limit_s: float = 5.0) -> tuple[Drain, list[str]]:
    told: list[str] = []
    return Drain(settle_s=settle_s, limit_s=limit_s, on_begin=lambda: told.append("began")), told


async def test_nothing_runs() -> None:
    drain, told = make()
    assert drain.accepting
    ended = await drain.wait()
    assert (ended.done, ended.in_flight, ended.reason) == (True, 0, "no request runs")
    assert ended.waited_s >= 0.05
    assert not drain.accepting
    assert (await drain.wait()).done
    assert told == ["began"]


async def test_requests_of_the_settling_time_are_waited_for() -> None:
    drain, _ = make(settle_s=0.2)
    waiting = asyncio.create_task(drain.wait())
    await asyncio.sleep(0.05)
    assert drain.draining
    assert drain.accepting
    with drain.request():
        await asyncio.sleep(0.3)
        assert not drain.accepting
        assert not waiting.done()
    assert (await waiting).done


async def test_requests_are_taken_while_they_come_but_not_for_ever() -> None:
    drain, _ = make(settle_s=0.1)
    began = asyncio.get_running_loop().time()
    waiting = asyncio.create_task(drain.wait())
    taken = 0
    while not waiting.done():
        if drain.accepting:
            with drain.request():
                taken += 1
        await asyncio.sleep(0.02)
    assert (await waiting).done
    assert 0.6 <= asyncio.get_running_loop().time() - began < 2
    assert taken > 5


async def test_the_limit() -> None:
    drain, _ = make(settle_s=0.0, limit_s=0.1)
    with drain.request():
        ended = await drain.wait()
    assert (ended.done, ended.in_flight) == (False, 1)
    assert "0.1 s" in ended.reason


async def test_an_ollama_that_is_gone_is_not_waited_for() -> None:
    drain, _ = make(settle_s=0.0)
    drain.ollama_down_since = asyncio.get_running_loop().time() - 11
    with drain.request():
        ended = await drain.wait()
    assert not ended.done
    assert "not answered" in ended.reason


async def test_taken_back() -> None:
    drain, told = make()
    with drain.request():
        waiting = asyncio.create_task(drain.wait())
        await asyncio.sleep(0.01)
        drain.cancel()
        assert "taken back" in (await waiting).reason
    assert drain.accepting
    await drain.wait()
    assert told == ["began", "began"]


async def test_a_request_that_fails_is_counted_out() -> None:
    drain, _ = make()

    def fail() -> None:
        with drain.request():
            assert drain.in_flight == 1
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert drain.in_flight == 0
