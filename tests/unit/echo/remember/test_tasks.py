"""Learning in the background: bounded, tried again, and one turn that breaks ends nothing.

The mind and the memories are stand-ins here; tests/echo/test_memory.py has real ones.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from echo.config.model import MemoryConfig
from echo.memory import HashEmbedder, StoreUnavailableError
from echo.mind import Learned, Lived
from echo.remember import tasks
from echo.remember.memories import Memories
from echo.remember.tasks import Learner, Task
from echo.telemetry import origin, span
from tests.support.spans import kept_spans


class Mind:
    """Does what a test says."""

    def __init__(self, learn: Callable[[Lived], Awaitable[None]]) -> None:
        self._learn = learn

    async def learn(self, space: Any, lived: Lived, now: Any) -> Learned:
        del space, now
        await self._learn(lived)
        return Learned()


class Counted(list[str]):
    """Tells when there are four."""

    def __init__(self) -> None:
        super().__init__()
        self.four = asyncio.Event()

    def append(self, outcome: str, /) -> None:
        super().append(outcome)
        if len(self) == 4:
            self.four.set()


class Spaces(Memories):
    """Without a database."""

    async def space(self, name: str) -> Any:
        return name


def learner(learn: Callable[[Lived], Awaitable[None]], counted: list[str], **learning: Any) -> Learner:
    config = MemoryConfig.model_validate_json(
        json.dumps(
            {
                "databaseUrlFile": "/nowhere",
                "embedder": {"model": "hash-64", "width": 64},
                "learning": {"tidyMinutes": 0, **learning},
            }
        )
    )
    mind: Any = Mind(learn)
    return Learner(Spaces(config, embedder=HashEmbedder(), mind=mind), count=counted.append)


def task(key: str) -> Task:
    return Task("home", Lived(key=key, input="a", output="b", model="m", speaker="s"))


def test_beyond_the_bound_turns_are_left_out_and_counted() -> None:
    async def nothing(_: Lived) -> None:
        await asyncio.sleep(0)

    async def run() -> tuple[list[bool], list[str]]:
        counted: list[str] = []
        one = learner(nothing, counted, queue=2)
        return [one.put(task(str(i))) for i in range(4)], counted

    assert asyncio.run(run()) == ([True, True, False, False], ["full", "full"])


def test_a_turn_that_breaks_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "_PAUSE_S", 0.001)
    tried: list[str] = []

    async def learn(lived: Lived) -> None:
        tried.append(lived.key)
        if lived.key == "bug":
            raise RuntimeError
        if lived.key == "lost" and tried.count("lost") < 3:
            raise StoreUnavailableError("gone")
        if lived.key == "slow":
            await asyncio.sleep(3600)

    async def run() -> list[str]:
        counted = Counted()
        one = learner(learn, counted, workers=1, seconds=2)
        for key in ("bug", "lost", "slow", "good"):
            one.put(task(key))
        work = asyncio.create_task(one.run())
        async with asyncio.timeout(60):
            await counted.four.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        return counted

    assert asyncio.run(run()) == ["failed", "learned", "failed", "learned"]
    assert tried == ["bug", "lost", "lost", "lost", "slow", "good"]


def test_what_waits_or_runs_at_the_end_is_learned_from() -> None:
    async def run() -> list[str]:
        done: list[str] = []
        held = asyncio.Event()

        async def learn(lived: Lived) -> None:
            if lived.key == "first" and not held.is_set():
                held.set()
                await asyncio.sleep(3600)
            done.append(lived.key)

        one = learner(learn, [], workers=1)
        one.put(task("first"))
        one.put(task("second"))
        work = asyncio.create_task(one.run())
        async with asyncio.timeout(60):
            await held.wait()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await one.finish()
        return sorted(done)

    assert asyncio.run(run()) == ["first", "second"]


class Kept:
    """A space that keeps turns when it is let."""

    def __init__(self) -> None:
        self.kept: list[tuple[str, str, str]] = []
        self.go = asyncio.Event()
        self.lost = 0

    async def add_turns(self, conversation: str, turns: Any, *, model: str, owner: str) -> None:
        await self.go.wait()
        if self.lost:
            self.lost -= 1
            raise StoreUnavailableError("gone")
        asked, _ = turns
        self.kept.append((conversation, asked.content, f"{owner} {model}"))


class OneSpace(Spaces):
    """That has one."""

    def __init__(self, config: MemoryConfig, space: Kept) -> None:
        super().__init__(config, embedder=HashEmbedder(), mind=cast("Any", None))
        self._one = space

    async def space(self, name: str) -> Any:
        del name
        return self._one


def keeper(space: Kept, counted: list[str], **learning: Any) -> Learner:
    async def nothing(_: Lived) -> None:
        await asyncio.sleep(0)

    config = learner(nothing, counted, **learning).memories.config
    return Learner(OneSpace(config, space), count=counted.append)


def turn(conversation: str, words: str) -> Task:
    lived = Lived(key=words, input=words[:3], output="b", model="m", speaker="s", conversation=conversation)
    return Task("home", lived, learn=False, said=words)


def test_turns_are_kept_at_once_in_their_order_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nobody learns, and though the database is away for a moment."""
    monkeypatch.setattr(tasks, "_PAUSE_S", 0.001)

    async def run() -> tuple[list[str], Kept]:
        counted: list[str] = []
        space = Kept()
        space.lost = 2
        one = keeper(space, counted)
        for i in range(3):
            one.put(turn("c", f"words {i}"))
        waiting = asyncio.create_task(one.kept("home", "c"))
        await asyncio.sleep(0)
        assert not waiting.done()
        await one.kept("home", "other")
        space.go.set()
        async with asyncio.timeout(60):
            await waiting
        return counted, space

    counted, space = asyncio.run(run())
    assert space.kept == [("c", f"words {i}", "s m") for i in range(3)]
    assert counted == ["kept"] * 3


def test_turns_beyond_the_bound_are_not_kept_and_those_that_hang_end_with_the_service() -> None:
    async def run() -> list[str]:
        counted: list[str] = []
        one = keeper(Kept(), counted, queue=2)
        for i in range(4):
            one.put(turn("c", f"words {i}"))
        await one.finish(0.01)
        return counted

    assert asyncio.run(run()) == ["unkept", "unkept"]


def test_learning_is_in_the_trace_of_its_request() -> None:
    with kept_spans() as (tracer, exporter):

        async def learn(lived: Lived) -> None:
            with span("encoding"):
                if lived.key == "bad":
                    raise ValueError(lived.input)

        async def run() -> None:
            one = learner(learn, [])
            for key in ("good", "bad"):
                with tracer.start_as_current_span(key):
                    one.put(replace(task(key), origin=origin()))
            one.put(task("untraced"))
            await one.finish()

        asyncio.run(run())
        found = exporter.get_finished_spans()
    traces = {
        one.name: one.context.trace_id for one in found if one.context is not None and one.name in ("good", "bad")
    }
    learned = [one for one in found if one.name == "learn"]
    assert [one.context.trace_id for one in learned if one.context is not None] == [traces["good"], traces["bad"]]
    assert [dict(one.attributes or {}) for one in learned] == [{}, {"error.type": "ValueError"}]
    assert len([one for one in found if one.name == "encoding"]) == 2
