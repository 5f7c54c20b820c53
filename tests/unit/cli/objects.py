"""Kubernetes objects and agents' reports, as small as the tests need them."""

from __future__ import annotations

from typing import Any

SINCE = "2026-01-01T00:00:00Z"


def stateful_set(name: str, replicas: int) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"replicas": replicas}}


def pod(name: str, *, ready: bool = True) -> dict[str, Any]:
    """A pod of the StatefulSet that its name begins with; both containers run."""
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True" if ready else "False"}]
    owner = {"kind": "StatefulSet", "name": name.rpartition("-")[0]}
    state: dict[str, Any] = {"running": {}}
    containers = [{"name": one, "state": state, "restartCount": 0} for one in ("ollama", "agent")]
    return {
        "metadata": {"name": name, "namespace": "t-models", "ownerReferences": [owner]},
        "spec": {"containers": [{}, {}]},
        "status": {"phase": "Running", "conditions": conditions, "containerStatuses": containers},
    }


def model(name: str, phase: str = "Ready", **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name, "fingerprint": "f", "since": SINCE, "phase": phase}
    if phase == "Ready":
        found |= {"digest": f"sha256:{name[-1] * 64}", "sizeBytes": 98_000_000}
    return {**found, **more}


def report(*models: dict[str, Any], **more: Any) -> dict[str, Any]:
    base = {"server": "chat", "replica": "chat-0", "phase": "Ready", "ollamaVersion": "0.17.4", "admitted": True}
    return {**base, "models": list(models), **more}
