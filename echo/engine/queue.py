"""Slots of replicas, and who waits for one.

A request is bound to a replica only when it can run there, so that the one that is free first takes it. Waiting is
bounded in number and time: beyond that, a client is told when to come again rather than left to hang.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from echo.config.model import QueueConfig, RoutingConfig
from echo.engine.choose import choose
from echo.engine.fleet import Fleet, Replica

__all__ = ["BusyError", "Dispatcher", "Lease", "MissingError"]

_LONGEST_ADVICE_S = 60
_SMOOTHING = 0.2
_FIRST_GUESS_S = 2.0


class MissingError(Exception):
    """No server has the model, nor is it to have it."""


class BusyError(Exception):
    """No slot was free in time.

    Attributes:
        code: a word for it.
        retry_after: seconds after which it may be otherwise.
    """

    def __init__(self, code: str, message: str, retry_after: int) -> None:
        self.code = code
        self.retry_after = retry_after
        super().__init__(message)


@dataclass
class Lease:
    """A slot of a replica that is taken until `release`."""

    replica: Replica
    model: str
    _release: Callable[[Lease], None]
    began: float = field(default_factory=lambda: asyncio.get_running_loop().time())
    _held: bool = True

    def release(self) -> None:
        """Give the slot back; a second time does nothing."""
        if self._held:
            self._held = False
            self._release(self)


@dataclass
class _Waiter:
    prefix: bytes | None
    tried: Collection[str]
    found: asyncio.Future[Replica]


class Dispatcher:
    """Hands out slots, first come, first served, by model.

    Attributes:
        waiting: requests that wait now.
    """

    def __init__(self, fleet: Fleet, routing: RoutingConfig, queue: QueueConfig) -> None:
        self.fleet = fleet
        self.routing = routing
        self.queue = queue
        self.waiting = 0
        self._queues: dict[str, deque[_Waiter]] = {}
        self._seconds: dict[str, float] = {}

    async def lease(self, model: str, prefix: bytes | None, tried: Collection[str] = ()) -> Lease:
        """Wait for a slot.

        Args:
            model: its key.
            prefix: of the conversation.
            tried: base URLs of replicas that already failed this request.

        Raises:
            MissingError: there is no such model.
            BusyError: too many wait, or none became free in time.
        """
        if not self.fleet.expects(model):
            raise MissingError
        if not self._queues.get(model):
            replica = self._choose(model, prefix, tried)
            if replica is not None:
                return self._take(replica, model)
        if self.waiting >= self.queue.size:
            raise BusyError("queue_full", f"{self.waiting} requests wait already", self.advice(model))
        return self._take(await self._wait(model, prefix, tried), model, taken=True)

    def advice(self, model: str) -> int:
        """Return the seconds after which a slot may be free: what waits, by how fast it went so far."""
        slots = sum(one.slots for one in self.fleet.having(model)) or 1
        waiting = len(self._queues.get(model, ())) + 1
        seconds = waiting * self._seconds.get(model, _FIRST_GUESS_S) / slots
        return min(_LONGEST_ADVICE_S, max(1, math.ceil(seconds)))

    def changed(self) -> None:
        """Look who of those that wait can go on: replicas came or went."""
        for model in list(self._queues):
            self._pump(model)

    async def _wait(self, model: str, prefix: bytes | None, tried: Collection[str]) -> Replica:
        waiter = _Waiter(prefix, tried, asyncio.get_running_loop().create_future())
        queue = self._queues.setdefault(model, deque())
        queue.append(waiter)
        self.waiting += 1
        handed = False
        try:
            self._pump(model)
            async with asyncio.timeout(self.queue.wait_seconds):
                replica = await waiter.found
            handed = True
        except TimeoutError as error:
            raise BusyError("queue_timeout", self._why(model), self.advice(model)) from error
        finally:
            self.waiting -= 1
            if waiter in queue:
                queue.remove(waiter)
            if not queue and self._queues.get(model) is queue:
                del self._queues[model]
            if not handed and waiter.found.done() and not waiter.found.cancelled():
                # The slot came in the very moment in which the wait ended otherwise.
                self._free(waiter.found.result(), model)
        return replica

    def _why(self, model: str) -> str:
        what = "was free" if self.fleet.having(model) else "could be asked for this model"
        return f"no replica {what} within {self.queue.wait_seconds:g} s"

    def _choose(self, model: str, prefix: bytes | None, tried: Collection[str]) -> Replica | None:
        candidates: Sequence[Replica] = [one for one in self.fleet.having(model) if one.base not in tried]
        return choose(candidates, model, prefix, self.routing.ahead)

    def _take(self, replica: Replica, model: str, *, taken: bool = False) -> Lease:
        if not taken:
            replica.running[model] = replica.running.get(model, 0) + 1
        return Lease(replica, model, self._release)

    def _release(self, lease: Lease) -> None:
        took = asyncio.get_running_loop().time() - lease.began
        known = self._seconds.get(lease.model, took)
        self._seconds[lease.model] = known + _SMOOTHING * (took - known)
        self._free(lease.replica, lease.model)

    def _free(self, replica: Replica, model: str) -> None:
        left = replica.running.get(model, 0) - 1
        if left > 0:
            replica.running[model] = left
        else:
            replica.running.pop(model, None)
        self._pump(model)

    def _pump(self, model: str) -> None:
        queue = self._queues.get(model)
        for waiter in list(queue or ()):
            if waiter.found.done():
                continue
            replica = self._choose(model, waiter.prefix, waiter.tried)
            if replica is None:
                # Those behind may do without the replicas that this one has tried, but seldom; order is kept.
                return
            replica.running[model] = replica.running.get(model, 0) + 1
            waiter.found.set_result(replica)
            if queue is not None:
                queue.remove(waiter)
