"""Clusters of Cluster API, as a management cluster with its real resources takes them: AWS, GCP, Azure and Docker.

No controller of Cluster API runs here, so no machine is made and none of its webhooks is asked. The management cluster
is the second control plane; the tests run in the file's order on one stack.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import prepared
from tests.support.kube import Kube, wait_for
from tests.support.second import Second
from tests.support.stack import LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

CRDS = tuple(f"cluster-api{part}-crds.yaml" for part in ("", "-docker", "-aws", "-gcp", "-azure"))
CORE = "/apis/cluster.x-k8s.io/v1beta2"
MACHINES = {
    "aws": "/apis/infrastructure.cluster.x-k8s.io/v1beta2/namespaces/{}/awsmachinetemplates",
    "gcp": "/apis/infrastructure.cluster.x-k8s.io/v1beta1/namespaces/{}/gcpmachinetemplates",
    "azure": "/apis/infrastructure.cluster.x-k8s.io/v1beta1/namespaces/{}/azuremachinetemplates",
    "docker": "/apis/infrastructure.cluster.x-k8s.io/v1beta2/namespaces/{}/dockermachinetemplates",
}
INFRASTRUCTURES: dict[str, dict[str, Any]] = {
    "aws": {"region": "eu-central-1", "sshKey": "operators"},
    "gcp": {"region": "europe-west4", "project": "example-models"},
    "azure": {"region": "westeurope", "subscription": "00000000-0000-0000-0000-000000000000", "identity": "models"},
    "docker": {},
}


@pytest.fixture(scope="module", autouse=True)
def _resources(second: Second, far: Kube) -> None:
    kubectl = os.environ.get("ECHORATOR_KUBECTL", "kubectl")
    files = [f"--filename={prepared.tools().path(name)}" for name in CRDS]
    # Too large for the annotation that a plain apply keeps.
    command = [kubectl, f"--kubeconfig={second.kubeconfig}", "apply", "--server-side", *files]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    for path in (f"{CORE}/clusters", *(one.format("default") for one in MACHINES.values())):
        wait_for(f"{path} is served", lambda path=path: far.request("GET", path).is_success, 60)


def settings(management: str, workers: int = 2, kind: str = "large") -> dict[str, Any]:
    """One cluster of each infrastructure; none is there yet, so nothing runs on them."""
    clusters: list[dict[str, Any]] = []
    for name, needed in INFRASTRUCTURES.items():
        machine = {} if name == "docker" else {"machine": kind}
        gpu = {
            "name": "gpu",
            **machine,
            "replicas": workers,
            "labels": {"accelerator": "l4"},
            "taints": [{"key": "nvidia.com/gpu"}],
        }
        section = {
            "management": management,
            "infrastructure": name,
            "version": "v1.34.4",
            **needed,
            "controlPlane": machine,
            "workers": [{"name": "cpu", **machine, "replicas": workers}, gpu],
        }
        role = "primary" if name == "aws" else "secondary"
        clusters.append({"name": name, "role": role, "mode": "clusterApi", "clusterApi": section})
    return {"clusters": clusters}


def namespace(stack: LiveStack, name: str) -> str:
    return f"{stack.name}-{name}-cluster"


def templates(far: Kube, stack: LiveStack, name: str) -> set[str]:
    return {one["metadata"]["name"] for one in far.items(MACHINES[name].format(namespace(stack, name)))}


@pytest.fixture(scope="module")
def stack(make_wide_stack: Callable[[str], LiveStack]) -> LiveStack:
    return make_wide_stack("capi")


def test_every_object_is_accepted(stack: LiveStack, far: Kube, second: Second) -> None:
    stack.configure(settings(second.context))
    previewed = stack.preview()
    assert previewed.code == 0, previewed.output
    stack.up()
    assert set(stack.up("--expect-no-changes").changes) == {"same"}
    for name in INFRASTRUCTURES:
        where = namespace(stack, name)
        cluster = far.get(f"{CORE}/namespaces/{where}/clusters/{stack.name}-{name}")
        assert cluster is not None
        topology = cluster["spec"]["topology"]
        assert topology["version"] == "v1.34.4"
        assert topology["controlPlane"]["replicas"] == 3
        assert [one["replicas"] for one in topology["workers"]["machineDeployments"]] == [2, 2]
        found = far.get(f"{CORE}/namespaces/{where}/clusterclasses/{topology['classRef']['name']}")
        assert found is not None
        named = {one["infrastructure"]["templateRef"]["name"] for one in found["spec"]["workers"]["machineDeployments"]}
        named.add(found["spec"]["controlPlane"]["machineInfrastructure"]["templateRef"]["name"])
        assert named == templates(far, stack, name)


def test_the_encryption_key_is_random_and_a_secret_in_the_state(stack: LiveStack, far: Kube) -> None:
    keys: set[str] = set()
    for name in INFRASTRUCTURES:
        secret = far.get(f"/api/v1/namespaces/{namespace(stack, name)}/secrets/{stack.name}-{name}-encryption")
        assert secret is not None
        configuration = json.loads(base64.b64decode(secret["data"]["config.json"]))
        [rule] = configuration["resources"]
        key = str(rule["providers"][0]["secretbox"]["keys"][0]["secret"])
        assert len(base64.b64decode(key)) == 32
        keys.add(key)
    assert len(keys) == len(INFRASTRUCTURES)
    state = stack.state()
    assert not any(key in state for key in keys)


def test_a_count_changes_the_cluster_alone(stack: LiveStack, second: Second) -> None:
    stack.configure(settings(second.context, workers=5))
    assert stack.up().touched == {f"managed-{name}-cluster": "update" for name in INFRASTRUCTURES}


def test_another_machine_is_another_template(stack: LiveStack, far: Kube, second: Second) -> None:
    before = {name: templates(far, stack, name) for name in INFRASTRUCTURES}
    stack.configure(settings(second.context, workers=5, kind="larger"))
    stack.up()
    for name in ("aws", "gcp", "azure"):
        assert len(templates(far, stack, name)) == 3
        assert not templates(far, stack, name) & before[name]
    assert templates(far, stack, "docker") == before["docker"]


def test_destroy_leaves_nothing(stack: LiveStack, far: Kube) -> None:
    stack.destroy()
    for name in INFRASTRUCTURES:
        path = f"/api/v1/namespaces/{namespace(stack, name)}"
        wait_for(f"{path} is gone", lambda path=path: far.get(path) is None, 60)
