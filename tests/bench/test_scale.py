"""What grows with what: replicas and nodes on a real scheduler, models in the check of their memory.

Not part of `make test`. `ECHORATOR_BENCH_NODES` and `ECHORATOR_BENCH_REPLICAS` make it smaller. The control plane has
KWOK's nodes: what is measured is the API server, controllers and scheduler, not containers, models or volumes.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from components import fit_check, ollama_pod, sizes
from components import ollama_server_objects as objects
from components.ollama_pod import PodPlan
from components.placement import placements
from components.settings import stack as settings
from tests.simulated.cluster import simulated
from tests.simulated.nodes import NODES, node, ready
from tests.support.kube import Kube, wait_for
from tests.support.settings_cases import SERVER

pytestmark = pytest.mark.timeout(1800)

MOST_NODES = int(os.environ.get("ECHORATOR_BENCH_NODES", "300"))
MOST_REPLICAS = int(os.environ.get("ECHORATOR_BENCH_REPLICAS", "1000"))
SERVERS = 10
NAMESPACE = "bench"
GPU = "nvidia.com/gpu"


def stack() -> settings.Settings:
    """Ten servers of equal size on one pool with as many GPUs as there are replicas."""
    per_node = -(-MOST_REPLICAS // MOST_NODES)
    pool = {
        "name": "bench",
        "accelerator": "nvidia-l4",
        "gpusPerNode": per_node,
        "maxNodes": MOST_NODES,
        "existing": {"selector": {"echorator.dev/pool": "bench"}},
    }
    server: dict[str, Any] = {**SERVER, "models": [], "gpus": 1, "replicas": MOST_REPLICAS // SERVERS}
    return settings.validate(
        {"gpuPools": [pool], "servers": [{**server, "name": f"s{index}"} for index in range(SERVERS)]}
    )


def stateful_set(config: settings.Settings, server: settings.ServerSettings) -> dict[str, Any]:
    """A server's StatefulSet as the program makes it, without the volumes of its replicas."""
    plan = PodPlan(
        server=server.name,
        role="replica",
        labels=objects.object_labels(server.name),
        size=sizes.size_of(server),
        priority="bench-models",
        claim="models",
        placement=placements(config)[server.name],
    )
    template = ollama_pod.template(plan)
    spec = objects.stateful_set(
        server=server.name,
        replicas=server.replicas,
        selected=objects.selector(server.name),
        template=template,
        claims=[],
    )
    template["spec"]["volumes"].append({"name": "data", "emptyDir": {}})
    return {"metadata": {"name": server.name}, "spec": spec}


def told(what: str, seconds: float, count: int) -> None:
    print(json.dumps({"what": what, "count": count, "seconds": round(seconds, 1)}))


def test_nodes_and_replicas(tmp_path: Path) -> None:
    config = stack()
    sets = f"/apis/apps/v1/namespaces/{NAMESPACE}/statefulsets"
    with simulated(tmp_path) as kubeconfig, Kube(kubeconfig) as kube:
        kube.create("/api/v1/namespaces", {"metadata": {"name": NAMESPACE}})
        kube.create("/apis/scheduling.k8s.io/v1/priorityclasses", {"metadata": {"name": "bench-models"}, "value": 1000})
        accounts = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
        per_node = config.gpu_pools[0].gpus_per_node
        names = [f"gpu-{index}" for index in range(MOST_NODES)]
        begun = time.monotonic()
        for index, name in enumerate(names):
            labels = {"echorator.dev/pool": "bench"}
            taints = [{"key": GPU, "value": "present", "effect": "NoSchedule"}]
            kube.create(NODES, node(name, zone=f"z{index % 3}", gpus={GPU: per_node}, labels=labels, taints=taints))
        ready(kube, names, 600)
        told("nodes Ready", time.monotonic() - begun, len(names))
        begun = time.monotonic()
        for server in config.servers:
            kube.create(accounts, {"metadata": {"name": f"{server.name}-agent"}})
            made = stateful_set(config, server)
            made["spec"]["template"]["spec"]["serviceAccountName"] = f"{server.name}-agent"
            kube.create(sets, made)

        def scheduled() -> list[str] | None:
            pods = kube.items(f"/api/v1/namespaces/{NAMESPACE}/pods")
            placed = [one["spec"]["nodeName"] for one in pods if one["spec"].get("nodeName")]
            return placed if len(placed) == MOST_REPLICAS // SERVERS * SERVERS else None

        placed = wait_for("all replicas have a node", scheduled, 1200)
        told("replicas scheduled", time.monotonic() - begun, len(placed))

        def available() -> bool:
            return all(one["status"].get("readyReplicas") == one["spec"]["replicas"] for one in kube.items(sets))

        wait_for("all replicas are Ready", available, 1200)
        told("replicas Ready", time.monotonic() - begun, len(placed))
    assert set(placed) <= set(names)
    assert max(placed.count(name) for name in set(placed)) <= per_node


@pytest.mark.parametrize("count", [100, 1000, 10000])
def test_fit_of_models(count: int) -> None:
    model = {"name": "llama3.1:8b"}
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "16Gi"}}
    servers = [{**SERVER, "name": f"s{index}", "resources": resources, "models": [model]} for index in range(count)]
    begun = time.monotonic()
    config = settings.Settings.model_validate({"servers": servers})
    told("settings read", time.monotonic() - begun, count)
    begun = time.monotonic()
    assert len(fit_check.fits(config)) == count
    told("fit checked", time.monotonic() - begun, count)
