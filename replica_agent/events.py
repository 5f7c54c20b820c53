"""Write Kubernetes Events (events.k8s.io/v1) on this pod, without ever holding up the work that they tell of."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Literal

from replica_agent.config import Pod
from replica_agent.kube import ApiError, Kube
from replica_agent.logs import event

__all__ = ["CONTROLLER", "Events", "Reason"]

Reason = Literal["ModelPulling", "ModelReady", "ModelFailed", "ModelDrifted", "ModelRemoved", "Draining"]

CONTROLLER = "echorator.dev/replica-agent"
_NOTE_BYTES = 1024
"""Limit of events.k8s.io/v1."""
_SERIES_S = 360.0
"""The same Event within this time is counted in its series; kube-controllers use six minutes too."""
_QUEUE = 256
_PAUSE_S = 0.2
"""Between two writes, so that a replica with many models does not flood the API server."""


@dataclass(frozen=True)
class _Note:
    reason: Reason
    warning: bool
    text: str


@dataclass
class _Series:
    name: str
    count: int
    last: float


@dataclass
class Events:
    """A queue of Events and the loop that writes them.

    Attributes:
        kube: the API server; None writes to the log alone.
        pod: what the Events are about.
        on_loss: told of each Event that could not be written.
    """

    kube: Kube | None
    pod: Pod
    on_loss: Callable[[], None]
    _queue: asyncio.Queue[_Note] = field(default_factory=lambda: asyncio.Queue[_Note](_QUEUE))
    _series: dict[_Note, _Series] = field(default_factory=dict[_Note, _Series])

    def say(self, reason: Reason, text: str, *, warning: bool = False) -> None:
        """Note an Event; it is logged at once and written soon, or counted as lost when too many wait."""
        event(reason, level=logging.WARNING if warning else logging.INFO, note=text)
        if self.kube is None:
            return
        try:
            self._queue.put_nowait(_Note(reason, warning, text))
        except asyncio.QueueFull:
            self.on_loss()

    async def run(self) -> None:
        """Write for ever."""
        while True:
            note = await self._queue.get()
            try:
                await self._write(note)
            except ApiError as error:
                self.on_loss()
                event("event_lost", level=logging.WARNING, reason=note.reason, cause=str(error))
            await asyncio.sleep(_PAUSE_S)

    async def _write(self, note: _Note) -> None:
        if self.kube is None:
            return
        path = f"/apis/events.k8s.io/v1/namespaces/{self.pod.namespace}/events"
        now = asyncio.get_running_loop().time()
        self._series = {key: one for key, one in self._series.items() if now - one.last < _SERIES_S}
        running = self._series.get(note)
        if running is not None:
            series = {"series": {"count": running.count + 1, "lastObservedTime": _micro_time()}}
            try:
                await self.kube.call("PATCH", f"{path}/{running.name}", series, kind="application/merge-patch+json")
            except ApiError as error:
                if error.code != HTTPStatus.NOT_FOUND:
                    raise
            else:
                running.count, running.last = running.count + 1, now
                return
        body = self.body(note.reason, note.text, warning=note.warning)
        await self.kube.call("POST", path, body)
        self._series[note] = _Series(body["metadata"]["name"], 1, now)

    def body(self, reason: Reason, text: str, *, warning: bool) -> dict[str, Any]:
        """Return the Event as the API takes it."""
        pod = self.pod
        regarding = {"apiVersion": "v1", "kind": "Pod", "namespace": pod.namespace, "name": pod.name}
        if pod.uid:
            # `kubectl describe pod` asks for Events by it.
            regarding["uid"] = pod.uid
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"{pod.name}.{secrets.token_hex(8)}", "namespace": pod.namespace},
            "eventTime": _micro_time(),
            "reportingController": CONTROLLER,
            "reportingInstance": pod.name,
            "action": "Draining" if reason == "Draining" else "Reconciling",
            "reason": reason,
            "regarding": regarding,
            "note": _cut(text),
            "type": "Warning" if warning else "Normal",
        }


def _cut(text: str) -> str:
    raw = text.encode()
    if len(raw) <= _NOTE_BYTES:
        return text
    return raw[: _NOTE_BYTES - 3].decode(errors="ignore") + "…"


def _micro_time() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
