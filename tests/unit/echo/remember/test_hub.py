"""Events reach who listens to their space, in order; who is slow misses some and is told how many."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from echo.remember.hub import FullError, Hub


def test_events_reach_their_space_alone() -> None:
    async def run() -> tuple[dict[str, Any], dict[str, Any]]:
        hub = Hub(2)
        with hub.listen("a") as one, hub.listen("b") as other:
            with pytest.raises(FullError), hub.listen("a"):
                raise AssertionError
            hub.publish("a", "goal", id="1")
            hub.publish("b", "goal", id="2")
            return await one.next(), await other.next()

    first, second = asyncio.run(run())
    assert (first["id"], second["id"]) == ("1", "2")


def test_a_slow_listener_holds_a_bounded_number_and_is_told() -> None:
    async def run() -> list[dict[str, Any]]:
        hub = Hub(1)
        with hub.listen("a") as one:
            for i in range(1_000):
                hub.publish("a", "memory", number=i)
            return [await one.next() for _ in range(257)]

    missed, *events = asyncio.run(run())
    assert missed == {"type": "missed", "number": 744}
    assert [one["number"] for one in events] == list(range(744, 1_000))


def test_nobody_who_listens_costs_nothing_and_leaves_nothing() -> None:
    hub = Hub(1)
    with hub.listen("a"):
        assert hub.number == 1
    hub.publish("a", "memory")
    assert hub.number == 0
