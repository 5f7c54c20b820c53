"""Waiting for outputs: the SDK's own loop, which ends as before and looks a few times instead of all the time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from pulumi.runtime import stack
from pulumi.runtime.settings import SETTINGS

from components import quiet_waiting

_SETTINGS = cast("Any", SETTINGS)


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Each time that the SDK's loop looked again."""
    monkeypatch.setattr(stack, "asyncio", asyncio)
    quiet_waiting.install()
    seen: list[float] = []
    shown = cast("Any", stack).asyncio
    sleep = shown.sleep

    async def counted(delay: float) -> None:
        seen.append(delay)
        await sleep(delay)

    monkeypatch.setattr(shown, "sleep", counted, raising=False)
    _SETTINGS.outputs.clear()
    yield seen
    _SETTINGS.outputs.clear()


def _waited(*outputs: Any) -> None:
    async def run() -> None:
        _SETTINGS.outputs.extend(asyncio.ensure_future(one) for one in outputs)
        await asyncio.wait_for(stack.wait_for_rpcs(), 60)

    asyncio.run(run())


async def _done(after: float, then: Exception | None = None) -> None:
    await asyncio.sleep(after)
    if then is not None:
        raise then


def test_it_looks_when_something_is_done(looks: list[float]) -> None:
    _waited(_done(0.5), _done(0.0), _done(0.25))
    assert not _SETTINGS.outputs
    # Without it, some ten thousand times.
    assert len(looks) < 50


def test_a_failure_is_told_before_what_takes_longer(looks: list[float]) -> None:
    with pytest.raises(ValueError, match="early"):
        _waited(_done(600), _done(0.1, ValueError("early")))
    assert len(looks) < 50


def test_an_output_that_comes_meanwhile(looks: list[float]) -> None:
    async def more() -> None:
        await asyncio.sleep(0.05)
        _SETTINGS.outputs.append(asyncio.ensure_future(_done(0.1, ValueError("late"))))
        await asyncio.sleep(600)

    with pytest.raises(ValueError, match="late"):
        _waited(more())
    assert len(looks) < 50


def test_calls_that_came_and_ended_meanwhile(looks: list[float]) -> None:
    """As registrations do that wait for an output: they are taken away only after all outputs."""

    async def call() -> None:
        await asyncio.sleep(0.05)
        ended = asyncio.get_running_loop().create_future()
        ended.set_result(None)
        _SETTINGS.rpc_manager.rpcs.append(ended)
        await asyncio.sleep(0.5)

    _waited(call(), _done(0.3))
    assert not _SETTINGS.rpc_manager.rpcs
    assert len(looks) < 50


def test_many_calls_are_taken_away_at_once(looks: list[float]) -> None:
    async def run() -> float:
        loop = asyncio.get_running_loop()
        for _ in range(500):
            ended = loop.create_future()
            ended.set_result(None)
            _SETTINGS.rpc_manager.rpcs.append(ended)
        _SETTINGS.outputs.append(asyncio.ensure_future(_done(0.2)))
        began = loop.time()
        await asyncio.wait_for(stack.wait_for_rpcs(), 60)
        return loop.time() - began

    # A pause before each would be a minute.
    assert asyncio.run(run()) < 20
    assert 500 <= len(looks) < 600
