"""Whether the memory store is there, also where nobody asks it.

The store is made up: a real one that goes away and comes back is in tests/echo/test_memory.py.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from echo.config.model import MemoryConfig
from echo.memory import HashEmbedder, StoreUnavailableError
from echo.remember import memories as module
from echo.remember.memories import Memories


class Store:
    """Is there, or is not."""

    def __init__(self) -> None:
        self.gone = False
        self.asked = 0

    async def check(self) -> int:
        self.asked += 1
        if self.gone:
            raise StoreUnavailableError("gone")
        return 1


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Store:
    made = Store()

    async def opened(*_: Any, **__: Any) -> Store:
        return made

    monkeypatch.setattr(module.MemoryStore, "open", opened)
    return made


def memories(folder: Path, pause_s: float) -> Memories:
    file = folder / "url"
    file.write_text("postgresql://somewhere/echo")
    told = {
        "databaseUrlFile": str(file),
        "embedder": {"model": "hash-64", "width": 64},
        "recall": {"pauseSeconds": pause_s},
    }
    mind: Any = None
    return Memories(MemoryConfig.model_validate_json(json.dumps(told)), embedder=HashEmbedder(), mind=mind)


def test_one_that_nobody_asks_is_looked_at(tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHECK_S", 0.0)
    found = memories(tmp_path, 0.02)

    async def life() -> None:
        await found.look()
        await found.check()
        assert found.up
        store.gone = True
        await found.check()
        assert (found.up, found.resting) == (False, True)
        # Answers may try it again; that it is there is not believed before it was seen.
        await asyncio.sleep(0.03)
        assert (found.up, found.resting) == (False, False)
        store.gone = False
        await found.check()
        assert found.up

    asyncio.run(life())


def test_one_that_failed_a_request_is_looked_at_after_its_pause(tmp_path: Path, store: Store) -> None:
    found = memories(tmp_path, 0.02)

    async def life() -> None:
        await found.look()
        await found.check()
        found.rest(StoreUnavailableError("gone for a moment"))
        await found.check()
        assert (found.up, store.asked) == (False, 1)
        await asyncio.sleep(0.03)
        await found.check()
        assert (found.up, store.asked) == (True, 2)
        # Seen a moment ago.
        await found.check()
        assert store.asked == 2

    asyncio.run(life())
