"""Events of spaces, for whoever listens. A listener that is too slow misses some and is told how many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

__all__ = ["FullError", "Hub", "Listener"]

_HELD = 256


class FullError(Exception):
    """As many listen as may."""


@dataclass(eq=False)
class Listener:
    """One who listens to a space."""

    space: str
    _held: deque[dict[str, Any]] = field(default_factory=deque[dict[str, Any]])
    _missed: int = 0
    _lost: bool = False
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def lose(self) -> None:
        """Note that some were lost on the way here; nobody knows how many."""
        self._lost = True
        self._news.set()

    def put(self, event: dict[str, Any]) -> None:
        """Hold an event until it is taken."""
        if len(self._held) >= _HELD:
            self._held.popleft()
            self._missed += 1
        self._held.append(event)
        self._news.set()

    async def next(self) -> dict[str, Any]:
        """Return the next event, once there is one."""
        while True:
            if self._lost:
                self._lost = False
                return {"type": "missed", "number": None}
            if self._missed:
                number, self._missed = self._missed, 0
                return {"type": "missed", "number": number}
            if self._held:
                return self._held.popleft()
            self._news.clear()
            await self._news.wait()


class Hub:
    """Hands events on to who listens here; `echo.remember.relay` takes them to other replicas of the service.

    Attributes:
        number: who listens.
        on_publish: called with each event of this replica, and its space.
        on_change: called when another space is listened to, or one no more.
    """

    def __init__(self, most: int, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._most = most
        self._clock = clock
        self._listeners: dict[str, set[Listener]] = {}
        self.number = 0
        self.on_publish: Callable[[str, dict[str, Any]], None] = lambda _space, _event: None
        self.on_change: Callable[[], None] = lambda: None

    @property
    def spaces(self) -> frozenset[str]:
        """That somebody listens to."""
        return frozenset(self._listeners)

    def publish(self, space: str, kind: str, /, **fields: Any) -> None:  # noqa: ANN401
        """Tell whoever listens to a space; never waits."""
        event = {"type": kind, "at": self._clock().isoformat(), **fields}
        self.hand(space, event)
        self.on_publish(space, event)

    def hand(self, space: str, event: dict[str, Any]) -> None:
        """Tell whoever listens here alone."""
        for one in self._listeners.get(space, ()):
            one.put(event)

    def lose(self) -> None:
        """Tell everybody that events of other replicas may have been missed."""
        for listeners in self._listeners.values():
            for one in listeners:
                one.lose()

    @contextmanager
    def listen(self, space: str) -> Generator[Listener]:
        """Listen to a space for a block.

        Raises:
            FullError: As many listen as may.
        """
        if self.number >= self._most:
            raise FullError
        one = Listener(space)
        fresh = space not in self._listeners
        self._listeners.setdefault(space, set()).add(one)
        self.number += 1
        if fresh:
            self.on_change()
        try:
            yield one
        finally:
            self.number -= 1
            others = self._listeners[space]
            others.discard(one)
            if not others:
                del self._listeners[space]
                self.on_change()
