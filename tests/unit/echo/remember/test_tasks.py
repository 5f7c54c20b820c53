"""Learning in the background: bounded, tried again, and one turn that breaks ends nothing.

The mind and the memories are stand-ins here; tests/echo/test_memory.py has real ones.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from echo.config.model import MemoryConfig
from echo.memory import HashEmbedder, StoreUnavailableError
from echo.mind import Learned, Lived
from echo.remember import tasks
from echo.remember.memories import Memories
from echo.remember.tasks import Learner, Task


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
