"""How far each model is on each replica, put together from the agents' reports and the engine's lines. Pure."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from replica_agent.report import ModelReport, ReplicaReport

_UNITS = MappingProxyType({"MB": 10**6})
_SIZE = r"(\d+(?:\.\d+)?) (MB)"
_PHASES = "waiting|manifest|downloading|verifying|writing|copying|loading|creating|retrying"
_DOWNLOADING = re.compile(rf"downloading {_SIZE} of {_SIZE} \(\d+ %\)")
_READY = re.compile(rf"ready, {_SIZE} in \d+(?:\.\d+)? s")
_LINE = re.compile(rf"(?P<replica>\S+): (?P<model>\S+) (?P<rest>(?:{_PHASES})\b.*|ready, .*)")

DONE = "ready"


@dataclass(frozen=True)
class Transfer:
    """One model on one replica.

    Attributes:
        replica: name of the pod or server.
        model: name of the model.
        phase: in lower case, as `pulling`; `ready` at the end.
        completed: bytes on the disk; it can fall.
        total: bytes of the blobs seen so far; 0 while none is known.
        detail: why, for what waits or is tried again.
    """

    replica: str
    model: str
    phase: str
    completed: int = 0
    total: int = 0
    detail: str = ""


class Transfers:
    """Takes news from several threads; what a replica's own agent says is worth more than a line about it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], Transfer] = {}
        self._reported: set[str] = set()

    def line(self, text: str) -> bool:
        """Take a line of a provider; True when it is about a transfer."""
        found = _LINE.fullmatch(text.partition("\n")[0])
        if found is None:
            return False
        replica, model, rest = found["replica"], found["model"], found["rest"]
        with self._lock:
            if replica not in self._reported:
                before = self._known.get((replica, model), Transfer(replica, model, "waiting"))
                self._known[replica, model] = _advanced(before, rest)
        return True

    def report(self, report: ReplicaReport) -> None:
        """Take an agent's report. A model that was Ready all along is no news and is left out."""
        with self._lock:
            self._reported.add(report.replica)
            for model in report.models:
                key = (report.replica, model.name)
                if key in self._known or model.phase != "Ready":
                    self._known[key] = _reported(report.replica, model)

    @property
    def all(self) -> Mapping[tuple[str, str], Transfer]:
        """Replica and model to where they are, in the order in which they came up."""
        with self._lock:
            return dict(self._known)


def _advanced(before: Transfer, rest: str) -> Transfer:
    downloading = _DOWNLOADING.match(rest)
    if downloading is not None:
        completed, total = _bytes(downloading[1], downloading[2]), _bytes(downloading[3], downloading[4])
        return Transfer(before.replica, before.model, "downloading", completed, total)
    ready = _READY.match(rest)
    if ready is not None:
        total = _bytes(ready[1], ready[2])
        return Transfer(before.replica, before.model, DONE, total, total)
    phase, _, detail = rest.partition(": ")
    return Transfer(before.replica, before.model, phase, before.completed, before.total, detail)


def _reported(replica: str, model: ModelReport) -> Transfer:
    if model.phase == "Ready":
        return Transfer(replica, model.name, DONE, model.size_bytes, model.size_bytes)
    why = "" if model.failure is None else model.failure.message
    return Transfer(replica, model.name, model.phase.lower(), model.completed, model.total, why)


def _bytes(number: str, unit: str) -> int:
    return round(float(number) * _UNITS[unit])
