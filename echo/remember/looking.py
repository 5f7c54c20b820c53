"""What the minds of spaces that learned are like, looked at in the background: a scrape never asks the database."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection

from echo.memory import EchoMemoryError, UnknownSpaceError
from echo.mind import MindState
from echo.remember.memories import Memories
from replica_agent.logs import event

__all__ = ["Looker"]

_AT_ONCE = 20
"""Spaces of one look: thousands that learn at once must not take the connections of those who recall."""
_KEPT = 10_000
_SECONDS = 20.0


class Looker:
    """Keeps what the mind of each space was like when it was looked at last, for as long as this replica runs."""

    def __init__(self, memories: Memories) -> None:
        self._memories = memories
        self._seen: dict[str, MindState] = {}

    @property
    def states(self) -> Collection[MindState]:
        """Of the spaces that this replica learned in."""
        return self._seen.values()

    async def run(self) -> None:
        """Look, for ever."""
        while True:
            await asyncio.sleep(self._memories.config.learning.look_seconds)
            await self.look()

    async def look(self) -> None:
        """Look at some spaces that changed since they were looked at; at those that could not be, the next time."""
        memories = self._memories
        if not memories.up:
            return
        for name in sorted(memories.changed)[:_AT_ONCE]:
            memories.changed.discard(name)
            try:
                async with asyncio.timeout(_SECONDS):
                    state = await memories.mind.state(await memories.space(name), memories.now())
            except UnknownSpaceError:
                memories.forget_known(name)
                self._seen.pop(name, None)
            except (EchoMemoryError, TimeoutError) as error:
                memories.changed.add(name)
                event("mind_not_seen", level=logging.WARNING, cause=type(error).__name__)
                return
            else:
                self._seen[name] = state
                while len(self._seen) > _KEPT:
                    self._seen.pop(next(iter(self._seen)))
