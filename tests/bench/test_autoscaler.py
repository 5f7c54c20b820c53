"""An autoscaler run on real metrics: load comes, stays and goes, and the replicas follow.

Real: Prometheus, the Prometheus adapter with the rules of `examples/autoscaling`, API server, controllers, the stack's
HorizontalPodAutoscaler with all signals but the GPU's. Pods are KWOK's, so what their agents and the kubelet would
tell comes from an exporter of ours, which shares a load out among the replicas that there are. Not shown: KEDA.

Not part of `make test`: the autoscaler looks every 15 seconds, and the whole run takes minutes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.simulated import conftest as simulated_tests
from tests.simulated.cluster import simulated
from tests.simulated.nodes import NODES, node, ready
from tests.support.exporter import serve
from tests.support.kube import Kube, wait_for
from tests.support.prepared import prepared
from tests.support.processes import Server, free_port
from tests.support.stack import Engine, LiveStack
from toolchain.build.builder import ensure
from toolchain.paths import CHECKOUT

pytestmark = pytest.mark.timeout(1200)

RULES = CHECKOUT / "examples" / "autoscaling" / "prometheus-adapter.yaml"
METRICS = ("v1beta1.custom.metrics.k8s.io", "v1beta2.custom.metrics.k8s.io", "v1beta1.metrics.k8s.io")
HOLD_S = 50
"""More than three looks of the autoscaler."""
COOLDOWN_S = 15
LIMIT_S = 300
GIB = 2**30


@dataclass
class Load:
    """What all users ask for together."""

    kube: Kube
    namespace: str
    requests: int = 0
    """In hand, over all replicas."""

    def text(self) -> str:
        """What Prometheus is told, at each scrape anew."""
        found = self.kube.items(f"/api/v1/namespaces/{self.namespace}/pods")
        pods = [one["metadata"]["name"] for one in found if one["status"].get("phase") == "Running"]
        now = time.time()
        lines: list[str] = []
        for pod in pods:
            of = f'namespace="{self.namespace}",pod="{pod}"'
            lines += [
                f"replica_requests_in_flight{{{of}}} {self.requests / len(pods):g}",
                f'container_cpu_usage_seconds_total{{{of},container="ollama"}} {now * 0.3:.3f}',
                f'container_memory_working_set_bytes{{{of},container="ollama"}} {0.3 * GIB:.0f}',
                # Two answers a second, each within a second.
                *(
                    f'replica_time_to_first_token_seconds_bucket{{{of},le="{bound}"}} {now * 2:.0f}'
                    for bound in ("1", "5", "+Inf")
                ),
            ]
        return "\n".join([*lines, ""])


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "cluster"
    folder.mkdir()
    with simulated(folder) as found:
        yield found


@pytest.fixture
def kube(kubeconfig: Path) -> Iterator[Kube]:
    with Kube(kubeconfig) as client:
        yield client


@pytest.fixture
def stack(kubeconfig: Path, tmp_path: Path) -> LiveStack:
    """Not destroyed: the cluster ends with it."""
    folder = tmp_path / "stack"
    folder.mkdir()
    engine = Engine(prepared("ECHORATOR_PULUMI_ENGINE"), prepared("ECHORATOR_PULUMI_HOME"), kubeconfig)
    return LiveStack(engine, folder, f"auto-{os.getpid()}")


@pytest.fixture
def load(kube: Kube, stack: LiveStack) -> Load:
    return Load(kube, stack.namespace)


@pytest.fixture
def prometheus(load: Load, tmp_path: Path) -> Iterator[str]:
    """Scrapes the exporter, which asks the API server and so takes a moment; its URL."""
    with serve(load.text) as address:
        scrape = {"job_name": "fake", "honor_labels": True, "static_configs": [{"targets": [address]}]}
        config = tmp_path / "prometheus.yaml"
        config.write_text(yaml.safe_dump({"global": {"scrape_interval": "5s"}, "scrape_configs": [scrape]}))
        url = f"http://127.0.0.1:{free_port()}"
        server = Server(
            [
                str(prepared("ECHORATOR_PROMETHEUS")),
                f"--config.file={config}",
                f"--storage.tsdb.path={tmp_path / 'tsdb'}",
                f"--web.listen-address={url.removeprefix('http://')}",
            ],
            ready=f"{url}/-/ready",
            log=tmp_path / "prometheus.log",
        )
        server.start(60)
        yield url
        server.stop()


@pytest.fixture
def adapter(kube: Kube, kubeconfig: Path, prometheus: str, tmp_path: Path) -> Iterator[Server]:
    """Registered with the API server, as its own manifests do, but on loopback."""
    program = ensure(["prometheus-adapter"]).path("prometheus-adapter")
    port = free_port()
    server = Server(
        [
            str(program),
            *(f"--{whose}-kubeconfig={kubeconfig}" for whose in ("authentication", "authorization", "lister")),
            f"--prometheus-url={prometheus}",
            f"--config={RULES}",
            "--metrics-relist-interval=5s",
            "--bind-address=127.0.0.1",
            f"--secure-port={port}",
            f"--cert-dir={tmp_path / 'adapter'}",
        ],
        ready=f"https://127.0.0.1:{port}/livez",
        log=tmp_path / "adapter.log",
        verify=False,
    )
    server.start(60)
    where = {"name": "adapter", "namespace": "default", "port": port}
    # The API server asks an ExternalName by that name; an address of loopback could be no endpoint.
    outside = {"type": "ExternalName", "externalName": "localhost"}
    kube.create("/api/v1/namespaces/default/services", {"metadata": {"name": where["name"]}, "spec": outside})
    for name in METRICS:
        version, _, group = name.partition(".")
        spec = {"group": group, "version": version, "service": where, "insecureSkipTLSVerify": True}
        priorities = {"groupPriorityMinimum": 100, "versionPriority": 100}
        kube.create(
            "/apis/apiregistration.k8s.io/v1/apiservices", {"metadata": {"name": name}, "spec": {**spec, **priorities}}
        )
    yield server
    server.stop()


def told(what: str, seconds: float) -> None:
    print(json.dumps({"what": what, "seconds": round(seconds, 1)}))


@pytest.mark.usefixtures("adapter")
def test_replicas_follow_the_load(kube: Kube, stack: LiveStack, load: Load) -> None:
    kube.create(NODES, node("cpu-1"))
    ready(kube, ["cpu-1"])
    resources = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
    scaling = {"min": 1, "max": 6, "cooldown": f"{COOLDOWN_S}s"}
    server = {"name": "chat", "resources": resources, "storage": "1Gi", "scaling": scaling}
    stack.configure({**simulated_tests.SETTINGS, "servers": [server]})
    stack.up()
    of = f"namespaces/{stack.namespace}"

    def autoscaler() -> dict[str, Any]:
        found = kube.get(f"/apis/autoscaling/v2/{of}/horizontalpodautoscalers/chat")
        assert found is not None
        return dict(found["status"])

    def replicas() -> int:
        found = kube.get(f"/apis/apps/v1/{of}/statefulsets/chat")
        assert found is not None
        return int(found["status"].get("replicas", 0))

    def sees_all() -> bool:
        """All four signals have a value: with one missing it would go up, and never down."""
        seen = autoscaler()
        conditions = {one["type"]: one["status"] for one in seen.get("conditions", [])}
        return conditions.get("ScalingActive") == "True" and len(seen.get("currentMetrics") or []) == 4

    def follows(wanted: int) -> float:
        begun = time.monotonic()
        wait_for(f"there are {wanted} replicas", lambda: replicas() == wanted, LIMIT_S)
        return time.monotonic() - begun

    wait_for("the autoscaler sees four signals", sees_all, LIMIT_S)
    assert replicas() == 1

    load.requests = 25
    told("from 1 to 3 replicas, once 25 requests were in hand", follows(3))

    # Eight for each is less than ten, and not so much less that two would do.
    end = time.monotonic() + HOLD_S
    while time.monotonic() < end:
        assert replicas() == 3
        time.sleep(1)
    told("held", HOLD_S)

    load.requests = 0
    begun = time.monotonic()
    follows(2)
    gone = time.monotonic() - begun
    assert gone >= COOLDOWN_S
    told("from 3 to 2 replicas, once nobody asked", gone)
    told("from 2 to 1 replicas", follows(1))
