"""Nodes without machines: KWOK keeps them Ready and says that their pods run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.support.kube import Kube, wait_for

NODES = "/api/v1/nodes"


def node(
    name: str,
    *,
    zone: str = "a",
    gpus: Mapping[str, int] | None = None,
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """A node of 64 cores and 512 GiB with these extended resources."""
    size = {"cpu": "64", "memory": "512Gi", "ephemeral-storage": "100Gi", "pods": "110"}
    size |= {key: str(count) for key, count in (gpus or {}).items()}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": zone,
                **(labels or {}),
            },
        },
        "spec": {"taints": [dict(taint) for taint in taints]},
        "status": {"allocatable": size, "capacity": size},
    }


def ready(kube: Kube, names: Sequence[str], limit_s: float = 120) -> None:
    """Wait until KWOK keeps the nodes."""

    def look() -> bool:
        found = {one["metadata"]["name"] for one in kube.items(NODES) if _is_ready(one)}
        return set(names) <= found

    wait_for(f"the nodes {', '.join(names)} are Ready", look, limit_s)


def _is_ready(one: Mapping[str, Any]) -> bool:
    conditions = one.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)
