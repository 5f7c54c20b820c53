"""Turns a pull's events, some sixteen a second and replica, into the few lines that a person reads."""

import time
from collections.abc import Callable

from ollama.state import PullEvent

EVERY_S = 3.0
"""Between two lines of one replica on the same phase: Pulumi keeps every line it is given."""

_MB = 1e6

_COUNTED = frozenset({"downloading", "hashing", "uploading", "quantizing"})
"""Phases that have bytes to tell, many times a second."""


class ProgressLines:
    """Takes events of many replicas of one model and writes lines."""

    def __init__(
        self, write: Callable[[str], None], *, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._write = write
        self._every_s = every_s
        self._clock = clock
        self._begun: dict[str, float] = {}
        self._last: dict[str, tuple[str, str, float]] = {}
        self._told: dict[str, str] = {}

    def __call__(self, event: PullEvent) -> None:
        """Writes a line for the event, unless the replica said much the same a moment ago."""
        now = self._clock()
        if event.phase == "ready":
            # A model that was there all along is no news: the second deploy is silent.
            if event.replica in self._begun:
                took = now - self._begun[event.replica]
                self._write(f"{event.replica}: {event.model} ready, {_size(event.total)} in {took:.1f} s")
            return
        self._begun.setdefault(event.replica, now)
        phase, detail, when = self._last.get(event.replica, ("", "", float("-inf")))
        said = phase == event.phase and detail == event.detail
        if said and (event.phase not in _COUNTED or now - when < self._every_s):
            return
        told = _told(event)
        # A download that stands still says so by its silence; what it says next has why.
        if said and told == self._told.get(event.replica):
            return
        self._last[event.replica] = (event.phase, event.detail, now)
        self._told[event.replica] = told
        self._write(f"{event.replica}: {event.model} {told}")


def _told(event: PullEvent) -> str:
    if event.phase in _COUNTED and event.total:
        share = 100 * event.completed / event.total
        return f"{event.phase} {_size(event.completed)} of {_size(event.total)} ({share:.0f} %)"
    return f"{event.phase}: {event.detail}" if event.detail else event.phase


def _size(count: int) -> str:
    return f"{count / _MB:.1f} MB"
