"""Pods of each class land on the nodes that they should, on a real scheduler with nodes that have fake GPUs.

Shown too: taints hold other pods off; replicas spread; a drain takes one at a time; labels and taints of nodes that
are there come and go with the stack, and those of others stay. Not shown: that anything runs on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from tests.simulated.conftest import SETTINGS
from tests.simulated.nodes import NODES, node, ready
from tests.support.kube import Kube, wait_for
from tests.support.stack import LiveStack

pytestmark = pytest.mark.timeout(400)

GPU = "nvidia.com/gpu"
FOREIGN = {"key": "maintenance.example.com", "value": "soon", "effect": "PreferNoSchedule"}
PRESENT = {"key": GPU, "value": "present", "effect": "NoSchedule"}

POOLS: list[dict[str, Any]] = [
    {"name": "small", "accelerator": "nvidia-t4", "existing": {"names": ["t4-1", "t4-2"]}},
    {"name": "shared", "accelerator": "nvidia-l4", "existing": {"selector": {"test/gpu": "l4"}}, "timeSlicing": 4},
    {
        "name": "parted",
        "accelerator": "nvidia-h100-80gb",
        "existing": {"selector": {"test/gpu": "h100"}},
        "mig": {"3g.40gb": 2},
    },
    {"name": "amd", "accelerator": "amd-mi300x", "existing": {"names": ["mi300x-1"]}, "gpusPerNode": 8},
]
CPU_POOLS = [{"name": "cpu", "existing": {"names": ["cpu-1", "cpu-2"]}}]
SMALL = {
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "8Gi"}},
    "storage": "1Gi",
}
SERVERS: list[dict[str, Any]] = [
    {"name": "medium", "class": "medium", "pool": "small", "replicas": 2},
    {"name": "turns", **SMALL, "gpus": 1, "pool": "shared", "replicas": 3},
    {"name": "large", "class": "large", "pool": "parted", "replicas": 2},
    {"name": "huge", **SMALL, "gpus": 8, "pool": "amd"},
    {"name": "plain", "class": "small", "replicas": 2},
    {"name": "echo", "class": "echo"},
]
MACHINES = [
    node("t4-1", zone="a", gpus={GPU: 1}, taints=[FOREIGN]),
    node("t4-2", zone="b", gpus={GPU: 1}),
    node("l4-1", gpus={GPU: 4}, labels={"test/gpu": "l4"}, taints=[PRESENT]),
    node("h100-1", gpus={"nvidia.com/mig-3g.40gb": 2}, labels={"test/gpu": "h100"}, taints=[PRESENT]),
    node("mi300x-1", gpus={"amd.com/gpu": 8}),
    node("cpu-1", zone="a"),
    node("cpu-2", zone="b"),
    node("high-memory", labels={"echorator.dev/class": "echo"}),
]
GPU_NODES = {"t4-1", "t4-2", "l4-1", "h100-1", "mi300x-1"}


@pytest.fixture
def machines(kube: Kube) -> Iterator[None]:
    names = [one["metadata"]["name"] for one in MACHINES]
    for one in MACHINES:
        kube.create(NODES, one)
    ready(kube, names)
    yield
    for name in names:
        kube.delete(f"{NODES}/{name}")


def pods(kube: Kube, namespace: str) -> dict[str, str]:
    """Pod to its node; an empty text where it has none."""
    found = kube.items(f"/api/v1/namespaces/{namespace}/pods")
    return {one["metadata"]["name"]: one["spec"].get("nodeName", "") for one in found}


def taints(kube: Kube, name: str) -> list[dict[str, str]]:
    found = kube.get(f"{NODES}/{name}")
    assert found is not None
    return found["spec"].get("taints", [])


def labels(kube: Kube, name: str) -> dict[str, str]:
    found = kube.get(f"{NODES}/{name}")
    assert found is not None
    return found["metadata"]["labels"]


@pytest.mark.usefixtures("machines")
def test_pods_land_where_their_class_says(kube: Kube, live_stack: LiveStack) -> None:
    live_stack.configure({**SETTINGS, "gpuPools": POOLS, "cpuPools": CPU_POOLS, "servers": SERVERS})
    live_stack.up()
    namespace = live_stack.namespace

    def all_placed() -> dict[str, str] | None:
        found = pods(kube, namespace)
        wanted = sum(int(one.get("replicas", 1)) for one in SERVERS)
        return found if len(found) == wanted and all(found.values()) else None

    found = wait_for("all pods have a node", all_placed, 120)
    of = {str(one["name"]): {found[pod] for pod in found if _server(pod) == one["name"]} for one in SERVERS}
    # Two replicas, two nodes.
    assert of["medium"] == {"t4-1", "t4-2"}
    assert of["turns"] == {"l4-1"}
    assert of["large"] == {"h100-1"}
    assert of["huge"] == {"mi300x-1"}
    assert of["echo"] == {"high-memory"}
    assert of["plain"] == {"cpu-1", "cpu-2"}

    assert taints(kube, "t4-1") == [FOREIGN, PRESENT]
    assert labels(kube, "t4-1")["echorator.dev/pool"] == "small"
    assert labels(kube, "cpu-2")["echorator.dev/pool"] == "cpu"
    assert taints(kube, "cpu-2") == []
    again = live_stack.up()
    assert set(again.changes) <= {"same"}, again.changes

    _taints_hold_others_off(kube, namespace)
    _a_drain_takes_one_at_a_time(kube, namespace, found)

    live_stack.destroy()
    assert taints(kube, "t4-1") == [FOREIGN, *_cordoned(taints(kube, "t4-1"))]
    assert taints(kube, "mi300x-1") == []
    assert "echorator.dev/pool" not in labels(kube, "t4-2")
    assert "echorator.dev/pool" not in labels(kube, "cpu-2")
    assert labels(kube, "t4-2")["topology.kubernetes.io/zone"] == "b"


def _server(pod: str) -> str:
    return pod.rpartition("-")[0]


def _cordoned(found: list[dict[str, str]]) -> list[dict[str, str]]:
    return [one for one in found if one["key"] == "node.kubernetes.io/unschedulable"]


def _taints_hold_others_off(kube: Kube, namespace: str) -> None:
    """A pod that wants a GPU node by its label and tolerates nothing waits."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    secure: dict[str, Any] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
    }
    secure["seccompProfile"] = {"type": "RuntimeDefault"}
    kube.create(
        path,
        {
            "metadata": {"name": "stranger"},
            "spec": {
                "nodeSelector": {"kubernetes.io/hostname": "mi300x-1"},
                "containers": [{"name": "c", "image": "example.com/none:1", "securityContext": secure}],
            },
        },
    )

    def refused() -> str | None:
        found = kube.pod(namespace, "stranger")
        conditions: list[dict[str, str]] = [] if found is None else found["status"].get("conditions", [])
        return next((one["message"] for one in conditions if one.get("reason") == "Unschedulable"), None)

    assert "untolerated taint" in wait_for("the scheduler refuses the pod", refused, 60)
    kube.delete(f"{path}/stranger", grace_s=0)


def _a_drain_takes_one_at_a_time(kube: Kube, namespace: str, found: dict[str, str]) -> None:
    """Both nodes of a pool are drained at once: the second replica stays until the first is back."""
    for name in ("t4-1", "t4-2"):
        kube.patch(f"{NODES}/{name}", {"spec": {"unschedulable": True}})

    def evict(pod: str) -> int:
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod, "namespace": namespace}}
        return kube.request("POST", f"/api/v1/namespaces/{namespace}/pods/{pod}/eviction", body).status_code

    first, second = sorted(pod for pod in found if pod.startswith("medium-"))
    wait_for("the budget knows both replicas", lambda: evict(first) == HTTPStatus.CREATED, 60)
    wait_for("the first replica has no node", lambda: pods(kube, namespace).get(first) == "", 60)
    assert evict(second) == HTTPStatus.TOO_MANY_REQUESTS
    kube.patch(f"{NODES}/{found[first]}", {"spec": {"unschedulable": None}})
    wait_for("the first replica is back", lambda: pods(kube, namespace).get(first) == found[first], 60)
    wait_for("then the second may go", lambda: evict(second) == HTTPStatus.CREATED, 60)
    for name in ("t4-1", "t4-2"):
        kube.patch(f"{NODES}/{name}", {"spec": {"unschedulable": None}})
    wait_for("both are back", lambda: all(pods(kube, namespace).get(one) for one in (first, second)), 60)
