"""What is done about an alert: decided from its labels, checked against the list, taken once, and told."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from replica_agent.kube import ApiError, Json, Kube, fields_of
from replica_agent.logs import event
from responder.config import ResponderConfig

__all__ = ["CONTROLLER", "Acted", "Responder"]

CONTROLLER = "echorator.dev/responder"
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_MERGE = "application/merge-patch+json"
_OURS = {"app.kubernetes.io/name": "ollama", "app.kubernetes.io/part-of": "echorator"}

Outcome = Literal["done", "dry-run", "refused", "failed"]


@dataclass(frozen=True)
class Acted:
    """What became of one alert.

    Attributes:
        act: that it asked for.
        target: what it is about, such as `Pod/chat-0`.
        outcome: in one word.
        why: in a sentence.
    """

    act: str
    target: str
    outcome: Outcome
    why: str


class _RefusedError(Exception):
    """The act is not taken; says why."""


@dataclass
class Responder:
    """Takes acts.

    Attributes:
        config: what is allowed.
        kube: the API server.
        count: told the act and the outcome of each.
        clock: seconds.
    """

    config: ResponderConfig
    kube: Kube
    count: Callable[[str, str], None]
    clock: Callable[[], float] = time.monotonic
    _last: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])

    async def respond(self, labels: Mapping[str, str]) -> Acted:
        """Take the act that an alert's label `act` names, if it may be taken; whatever comes of it is told."""
        act = labels.get("act", "")
        target = _target(act, labels)
        try:
            self._may(act, target, labels)
            why = await self._take(act, labels)
            acted = Acted(act, target, "dry-run" if self.config.dry_run else "done", why)
        except _RefusedError as error:
            acted = Acted(act, target, "refused", str(error))
        except ApiError as error:
            acted = Acted(act, target, "failed", str(error))
        await self._tell(acted, labels.get("alertname", ""))
        return acted

    def _may(self, act: str, target: str, labels: Mapping[str, str]) -> None:
        if act not in self.config.allow:
            raise _RefusedError(f"`{act}` is not on the list: {', '.join(self.config.allow) or 'nothing is'}")
        if labels.get("namespace", self.config.namespace) != self.config.namespace:
            raise _RefusedError(f"it is about another namespace than {self.config.namespace}")
        if not _NAME.fullmatch(target.partition("/")[2]):
            raise _RefusedError("the alert does not say what it is about")
        last = self._last.get((act, target))
        if last is not None and self.clock() - last < self.config.pause_s:
            raise _RefusedError(f"it was done less than {self.config.pause_s:g} s ago")
        self._last[act, target] = self.clock()

    async def _take(self, act: str, labels: Mapping[str, str]) -> str:
        if act == "restart-stuck-pull":
            return await self._restart(labels["pod"])
        if act == "scale-up":
            return await self._scale_up(labels["server"])
        return await self._cordon(labels)

    async def _restart(self, pod: str) -> str:
        path = f"/api/v1/namespaces/{self.config.namespace}/pods/{pod}"
        found = fields_of(await self.kube.call("GET", path), "metadata")
        if not _OURS.items() <= fields_of(found, "labels").items():
            raise _RefusedError(f"{pod} is no replica of ours")
        if not self.config.dry_run:
            # Of this pod alone, should it have been replaced meanwhile.
            await self.kube.call("DELETE", path, {"preconditions": {"uid": found.get("uid")}})
        return f"the pod {pod} is deleted, so that its download begins anew; what it has stays on its volume"

    async def _scale_up(self, server: str) -> str:
        path = f"/apis/apps/v1/namespaces/{self.config.namespace}/statefulsets/{server}/scale"
        now = int(fields_of(await self.kube.call("GET", path), "spec").get("replicas", 0))
        if now >= self.config.max_replicas:
            raise _RefusedError(f"{server} has {now} replicas; at most {self.config.max_replicas} are allowed")
        if not self.config.dry_run:
            await self.kube.call("PATCH", path, {"spec": {"replicas": now + 1}}, kind=_MERGE)
        return f"{server} is scaled from {now} to {now + 1} replicas; the next deploy sets what the settings say"

    async def _cordon(self, labels: Mapping[str, str]) -> str:
        node = _target("cordon-replica", labels).partition("/")[2]
        path = f"/api/v1/nodes/{node}"
        if fields_of(await self.kube.call("GET", path), "spec").get("unschedulable") is True:
            raise _RefusedError(f"{node} is cordoned already")
        if not self.config.dry_run:
            await self.kube.call("PATCH", path, {"spec": {"unschedulable": True}}, kind=_MERGE)
        return f"the node {node} takes no new pods; `kubectl uncordon {node}` takes that back"

    async def _tell(self, acted: Acted, alert: str) -> None:
        self.count(acted.act or "none", acted.outcome)
        level = logging.INFO if acted.outcome in {"done", "dry-run"} else logging.WARNING
        event("act", level=level, alert=alert, act=acted.act, target=acted.target, outcome=acted.outcome, why=acted.why)
        try:
            await self.kube.call("POST", _EVENTS.format(self.config.namespace), self._event(acted, alert))
        except ApiError as error:
            event("event_lost", level=logging.WARNING, cause=str(error))

    def _event(self, acted: Acted, alert: str) -> Json:
        kind, _, name = acted.target.partition("/")
        about: dict[str, Any] = {"kind": kind or "Namespace", "name": name or self.config.namespace}
        about["apiVersion"] = "apps/v1" if kind == "StatefulSet" else "v1"
        if kind not in {"Node", ""}:
            about["namespace"] = self.config.namespace
        reason = {"done": "Responded", "dry-run": "WouldRespond", "refused": "NotResponded", "failed": "RespondFailed"}
        return {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": f"responder.{secrets.token_hex(8)}", "namespace": self.config.namespace},
            "eventTime": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "reportingController": CONTROLLER,
            "reportingInstance": "responder",
            "action": acted.act or "none",
            "reason": reason[acted.outcome],
            "regarding": about,
            "note": f"{alert}: {acted.why}"[:1000],
            "type": "Normal" if acted.outcome in {"done", "dry-run"} else "Warning",
        }


_EVENTS = "/apis/events.k8s.io/v1/namespaces/{}/events"


def _target(act: str, labels: Mapping[str, str]) -> str:
    """What an act is about, `KIND/NAME`; without a name where the alert does not say."""
    table: Mapping[str, tuple[str, str]] = {
        "restart-stuck-pull": ("Pod", "pod"),
        "scale-up": ("StatefulSet", "server"),
        "cordon-replica": ("Node", "Hostname"),
    }
    kind, label = table.get(act, ("", ""))
    return f"{kind}/{labels.get(label, '')}" if kind else ""
