"""Working memory without its Redis: said and survived. What it does with one is proved where Redis runs."""

from __future__ import annotations

import pytest

from echo.memory import InvalidInputError, WorkingMemory, WorkingMemoryReport
from tests.memory.conftest import SetClock
from tests.support.processes import free_port

pytestmark = pytest.mark.anyio


async def _all(memory: WorkingMemory) -> list[WorkingMemoryReport]:
    return [
        await memory.push("home", "s", "a thought"), await memory.items("home", "s"), await memory.clear("home", "s"),
    ]  # fmt: skip


async def test_a_redis_that_is_gone_is_said_so_and_nothing_is_raised(clock: SetClock) -> None:
    memory = WorkingMemory.connect(f"redis://127.0.0.1:{free_port()}/0", clock=clock)
    try:
        for report in await _all(memory):
            assert (report.available, report.items) == (False, ())
            assert "lost for now" in report.problem
    finally:
        await memory.close()


async def test_none_at_all(clock: SetClock) -> None:
    memory = WorkingMemory.connect(None, clock=clock)
    for report in await _all(memory):
        assert (report.available, report.items) == (False, ())
        assert "no Redis is set" in report.problem
    await memory.close()


async def test_bad_input(clock: SetClock) -> None:
    memory = WorkingMemory.connect(None, clock=clock)
    for space, session, content, attention in (
        ("Home", "s", "a", 0.5), ("home", "\x00", "a", 0.5), ("home", "s", "", 0.5), ("home", "s", "a", 2.0),
        ("home", "s", "a" * 65_537, 0.5),
    ):  # fmt: skip
        with pytest.raises(InvalidInputError):
            await memory.push(space, session, content, attention=attention)
