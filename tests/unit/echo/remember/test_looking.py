"""Minds are looked at once for each change, and again where the memory failed; what is told are means and sums.

The mind and the memories are stand-ins here; tests/echo/test_cognition.py has real ones.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from echo.config.model import MemoryConfig
from echo.engine.fleet import Fleet
from echo.engine.metrics import EchoMetrics
from echo.memory import HashEmbedder, StoreUnavailableError, UnknownSpaceError
from echo.mind import Emotion, MindState
from echo.remember import looking
from echo.remember.looking import Looker
from echo.remember.memories import Memories

AT = datetime(2026, 1, 1, tzinfo=UTC)


class Mind:
    """Is asked for spaces, and fails as a test says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails: dict[str, Exception] = {}

    async def state(self, space: Any, now: datetime) -> MindState:
        del now
        self.asked.append(space)
        if space in self.fails:
            raise self.fails[space]
        return MindState(at=AT, experiences=1, memories={"semantic": 2})


class Spaces(Memories):
    """Without a database."""

    up = True  # pyright: ignore[reportAssignmentType, reportIncompatibleMethodOverride]

    async def space(self, name: str) -> Any:
        return name


def made() -> tuple[Looker, Spaces, Mind]:
    config = MemoryConfig.model_validate_json(
        json.dumps({"databaseUrlFile": "/nowhere", "embedder": {"model": "hash-64", "width": 64}})
    )
    mind: Any = Mind()
    memories = Spaces(config, embedder=HashEmbedder(), mind=mind)
    return Looker(memories), memories, mind


def test_a_space_is_looked_at_once_for_each_change() -> None:
    looker, memories, mind = made()
    memories.measured("ann", 0.5)
    memories.measured("ann", 0.6)
    asyncio.run(looker.look())
    asyncio.run(looker.look())
    assert (mind.asked, len(looker.states)) == (["ann"], 1)
    memories.measured("ann", None)
    asyncio.run(looker.look())
    assert mind.asked == ["ann", "ann"]


def test_what_failed_is_looked_at_again_and_what_is_gone_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    looker, memories, mind = made()
    memories.measured("ann", 0.5)
    mind.fails["ann"] = StoreUnavailableError("gone for a moment")
    asyncio.run(looker.look())
    assert (list(looker.states), memories.changed) == ([], {"ann"})
    assert "mind_not_seen" in caplog.text
    del mind.fails["ann"]
    asyncio.run(looker.look())
    assert len(looker.states) == 1
    memories.measured("ann", 0.5)
    mind.fails["ann"] = UnknownSpaceError("ann")
    asyncio.run(looker.look())
    assert (list(looker.states), memories.changed) == ([], set())


def test_one_look_takes_so_many_spaces_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_AT_ONCE", 2)
    monkeypatch.setattr(looking, "_KEPT", 2)
    looker, memories, mind = made()
    for name in "abc":
        memories.measured(name, None)
    asyncio.run(looker.look())
    assert (mind.asked, memories.changed) == (["a", "b"], {"c"})
    asyncio.run(looker.look())
    assert (len(looker.states), memories.changed) == (2, set())


def values(states: list[MindState]) -> dict[str, float]:
    metrics = EchoMetrics(Fleet())
    metrics.minds(lambda: states)
    registry: CollectorRegistry = metrics.registry
    return {
        f"{sample.name}{''.join(sample.labels.values())}": sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name.startswith("echo_mind_")
    }


def test_metrics_are_means_and_sums_over_spaces() -> None:
    told = values(
        [
            MindState(at=AT, emotion=Emotion(valence=-1), resonance=0.2, experiences=3, memories={"semantic": 1}),
            MindState(at=AT, emotion=Emotion(valence=0.5), rate=0.5, patterns=2, memories={"semantic": 2, "goal": 1}),
            MindState(at=AT),
        ]
    )
    assert told["echo_mind_spaces"] == 3
    assert told["echo_mind_emotionvalence"] == pytest.approx(-0.25)
    assert (told["echo_mind_resonance"], told["echo_mind_learning_rate"]) == (0.2, 0.5)
    assert (told["echo_mind_experiences"], told["echo_mind_patterns"]) == (3, 2)
    assert (told["echo_mind_memoriessemantic"], told["echo_mind_memoriesgoal"]) == (3, 1)
    # What nobody measured is no number, and not zero.
    assert told["echo_mind_load"] != told["echo_mind_load"]
