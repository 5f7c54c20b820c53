"""Leave without dropping a request: go on for as long as any still come, then wait for what runs.

How long the cluster's nodes go on sending requests to a pod that leaves is not to be known from inside it: seconds, and
more on a node under load. So requests are taken until none has begun for some time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = ["Drain", "Drained"]

_SETTLES = 6
"""So many times the settling time at most: a client that keeps its connection alive would hold the replica for ever."""
_LOST_S = 10.0
"""Requests at an Ollama that has not answered for so long will not end; waiting would only delay its restart."""


@dataclass(frozen=True)
class Drained:
    """How a drain ended.

    Attributes:
        done: no request was left.
        in_flight: those that were.
        waited_s: how long it took.
        reason: why it ended, in a few words.
    """

    done: bool
    in_flight: int
    waited_s: float
    reason: str


class Drain:
    """Counts the requests that run, and says whether more are taken.

    A drain ends with the pod; `cancel` takes it back where the kubelet restarts only the Ollama container, since it
    runs that container's preStop hook then too.
    """

    def __init__(self, *, settle_s: float, limit_s: float, on_begin: Callable[[], None]) -> None:
        self._settle_s = settle_s
        self._limit_s = limit_s
        self._on_begin = on_begin
        self._began: float | None = None
        self._last_request = 0.0
        self._idle = asyncio.Event()
        self._idle.set()
        self.in_flight = 0
        self.ollama_down_since: float | None = None

    @property
    def draining(self) -> bool:
        """Whether this replica is leaving."""
        return self._began is not None

    @property
    def accepting(self) -> bool:
        """Whether a new request is still taken."""
        return self._began is None or _time() < self._settled(self._began)

    @contextmanager
    def request(self) -> Generator[None]:
        """Count one request while the body runs."""
        self.in_flight += 1
        self._last_request = _time()
        self._idle.clear()
        try:
            yield
        finally:
            self.in_flight -= 1
            if self.in_flight == 0:
                self._idle.set()

    def begin(self) -> None:
        """Say that this replica leaves; the first call counts."""
        if self._began is None:
            self._began = _time()
            self._on_begin()

    def cancel(self) -> None:
        """Take it back: this replica stays."""
        self._began = None

    async def wait(self) -> Drained:
        """Begin, and wait until the last request has ended, or the limit is reached."""
        self.begin()
        began = self._began if self._began is not None else _time()
        end = began + self._limit_s
        reason = ""
        while not reason:
            now = _time()
            if self._began is None:
                reason = "taken back: Ollama was restarted"
            elif now >= self._settled(began) and self.in_flight == 0:
                reason = "no request runs"
            elif now >= end:
                reason = f"requests still ran after {self._limit_s:g} s"
            elif self._lost(now):
                reason = f"Ollama has not answered for {_LOST_S:g} s, so what runs there will not end"
            else:
                await self._pause(now, began)
        return Drained(self.in_flight == 0, self.in_flight, round(_time() - began, 3), reason)

    def _settled(self, began: float) -> float:
        """When no more requests are taken."""
        return min(max(began, self._last_request) + self._settle_s, began + _SETTLES * self._settle_s)

    def _lost(self, now: float) -> bool:
        return self.ollama_down_since is not None and now >= self.ollama_down_since + _LOST_S

    async def _pause(self, now: float, began: float) -> None:
        settling = self._settled(began) - now
        if settling > 0:
            await asyncio.sleep(min(settling, 0.5))
            return
        try:
            async with asyncio.timeout(0.5):
                await self._idle.wait()
        except TimeoutError:
            return


def _time() -> float:
    return asyncio.get_running_loop().time()
