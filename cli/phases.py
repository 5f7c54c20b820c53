"""Where a server and each of its replicas is: one word, worked out of what the cluster and the agents say. Pure.

The words are those of the mission. What the engine makes first and what Kubernetes makes first differ in one place: a
pod's volume is there before its image is pulled, so StorageProvisioning comes before ImagePulling here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from replica_agent.report import ModelReport, ReplicaReport

Object = Mapping[str, Any]


class Phase(StrEnum):
    """In the order in which a replica goes through them; the last three come at any time."""

    PENDING = "Pending"
    """Not there yet, or no node has room for it."""
    STORAGE = "StorageProvisioning"
    """Its volume is being made."""
    IMAGES = "ImagePulling"
    """Its node has it and makes its containers ready."""
    MODELS = "ModelDeploying"
    """It runs, and some model is not there yet."""
    RUNNING = "ModelRunning"
    """All models are there; it loads one, or takes no traffic yet or no more."""
    READY = "Ready"
    SCALING = "Scaling"
    """A server that answers while its number of replicas, or their version, changes."""
    FAILED = "Failed"
    TERMINATING = "Terminating"


_ORDER = list(Phase)
_BROKEN = (
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
    "CrashLoopBackOff",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
)


@dataclass(frozen=True)
class State:
    """A phase, and why it is not a later one."""

    phase: Phase
    why: str = ""


def replica_state(  # noqa: PLR0911
    pod: Object | None, claims: Iterable[Object], report: ReplicaReport | None, wanted: Sequence[str]
) -> State:
    """Where one replica is.

    Args:
        pod: as the API server has it, None where there is none.
        claims: the claims of its volumes that there are.
        report: what its agent says, None where it does not answer.
        wanted: names of the models that it shall have, in Ollama's short form.
    """
    if pod is None:
        return State(Phase.PENDING, "there is no pod yet")
    if pod["metadata"].get("deletionTimestamp"):
        return State(Phase.TERMINATING)
    status: Object = pod.get("status") or {}
    broken = _broken(status)
    if broken is not None:
        return State(Phase.FAILED, broken)
    before = _before_start(pod, status, claims)
    if before is not None:
        return before
    ready = condition(status, "Ready")
    if report is None:
        # The kubelet asks the agent too: a Ready pod has its models, whoever may not look at them.
        if ready.get("status") == "True":
            return State(Phase.READY, "its agent cannot be asked")
        return State(Phase.MODELS, "its agent does not answer yet")
    if report.draining or report.phase == "Terminating":
        return State(Phase.TERMINATING, f"{report.in_flight} requests are still being answered")
    models = _models_state(report, wanted)
    if models is not None:
        return models
    if ready.get("status") == "True":
        return State(Phase.READY)
    return State(Phase.RUNNING, str(ready.get("message") or "it takes no traffic yet"))


def server_state(stateful_set: Object | None, replicas: Mapping[str, State], wanted: int) -> State:  # noqa: PLR0911
    """Where a server is.

    Args:
        stateful_set: as the API server has it, None where there is none.
        replicas: name of each replica that there is or shall be to its state.
        wanted: how many there shall be by the configuration.
    """
    if stateful_set is None:
        return State(Phase.PENDING, "it is not deployed")
    if stateful_set["metadata"].get("deletionTimestamp"):
        return State(Phase.TERMINATING)
    failed = _named(replicas, Phase.FAILED)
    if failed:
        return State(Phase.FAILED, failed)
    staying = {name: state for name, state in replicas.items() if state.phase is not Phase.TERMINATING}
    ready = sum(state.phase is Phase.READY for state in staying.values())
    now = int(stateful_set["spec"].get("replicas", 1))
    if now != wanted:
        change = f"{now} replicas are deployed and {wanted} configured"
        return State(Phase.SCALING if ready or not wanted else Phase.PENDING, change)
    if len(replicas) == len(staying) == ready == wanted:
        return State(Phase.READY)
    if ready:
        return State(Phase.SCALING, f"{ready} of {wanted} replicas are Ready")
    if not staying:
        return State(Phase.TERMINATING if replicas else Phase.PENDING)
    name, least = min(staying.items(), key=lambda item: _ORDER.index(item[1].phase))
    return State(least.phase, f"{name}: {least.why}" if least.why else "")


def adopted_state(found: Mapping[str, str | None] | None, why: str = "") -> State:
    """Where a server is that runs elsewhere.

    Args:
        found: each wanted model to its digest, None where it is not there; None where the server does not answer.
        why: it does not answer.
    """
    if found is None:
        return State(Phase.FAILED, why)
    missing = [name for name, digest in found.items() if digest is None]
    return State(Phase.MODELS, f"not there: {', '.join(missing)}") if missing else State(Phase.READY)


def model_phase(report: ReplicaReport | None, name: str) -> str:
    """The phase of one model on one replica, as its agent has it; `Unknown` where it says nothing."""
    found = _find(report, name)
    return "Unknown" if found is None else found.phase


def _models_state(report: ReplicaReport, wanted: Sequence[str]) -> State | None:
    """What the models are waited for with; None when all are there and loaded."""
    unseen = [name for name in wanted if _find(report, name) is None]
    failed = [model for model in report.models if model.phase == "Failed"]
    if failed:
        return State(Phase.FAILED, "; ".join(f"{model.name}: {_why(model)}" for model in failed))
    coming = [model for model in report.models if model.phase not in ("Ready", "Loading")]
    if coming:
        return State(Phase.MODELS, "; ".join(f"{model.name} {_told(model)}" for model in coming))
    if unseen:
        return State(Phase.MODELS, f"its agent has not heard of {', '.join(unseen)} yet")
    loading = [model.name for model in report.models if model.phase == "Loading"]
    if loading:
        return State(Phase.RUNNING, f"loads {', '.join(loading)}")
    return None


def _find(report: ReplicaReport | None, name: str) -> ModelReport | None:
    return None if report is None else next((one for one in report.models if one.name == name), None)


def _why(model: ModelReport) -> str:
    return "failed" if model.failure is None else model.failure.message


def _told(model: ModelReport) -> str:
    if model.phase == "Retrying":
        return f"is tried again: {_why(model)}"
    if model.phase == "Pulling" and model.total:
        return f"{model.completed / 1e6:.1f} of {model.total / 1e6:.1f} MB"
    return model.phase


def _broken(status: Object) -> str | None:
    if status.get("phase") == "Failed":
        return str(status.get("message") or status.get("reason") or "the pod failed")
    containers: list[Object] = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
    for container in containers:
        waiting: Object = container.get("state", {}).get("waiting") or {}
        if waiting.get("reason") in _BROKEN:
            return f"{container['name']}: {waiting['reason']} {waiting.get('message') or ''}".rstrip()
    return None


def _before_start(pod: Object, status: Object, claims: Iterable[Object]) -> State | None:
    """Its state while its containers do not all run; None once they do."""
    scheduled = condition(status, "PodScheduled")
    unbound = [one["metadata"]["name"] for one in claims if one.get("status", {}).get("phase") != "Bound"]
    if scheduled.get("status") != "True":
        message = str(scheduled.get("message") or "it waits for a node")
        volume = "persistentvolumeclaim" in message.lower() or "Insufficient" not in message
        if unbound and volume:
            return State(Phase.STORAGE, f"the claim {unbound[0]} has no volume yet")
        return State(Phase.PENDING, message)
    containers: list[Object] = status.get("containerStatuses") or []
    running = [one for one in containers if "running" in (one.get("state") or {})]
    if unbound:
        return State(Phase.STORAGE, f"the claim {unbound[0]} has no volume yet")
    if len(running) < len(pod["spec"]["containers"]):
        if any(int(one.get("restartCount", 0)) for one in containers):
            return State(Phase.MODELS, "a container starts again")
        return State(Phase.IMAGES, "its containers are being made")
    return None


def condition(status: Object, kind: str) -> Object:
    """Return an object's condition of one kind; empty where it has none."""
    conditions: list[Object] = status.get("conditions") or []
    none: Object = {}
    return next((one for one in conditions if one["type"] == kind), none)


def _named(replicas: Mapping[str, State], phase: Phase) -> str:
    return "; ".join(f"{name}: {state.why}" for name, state in replicas.items() if state.phase is phase)
