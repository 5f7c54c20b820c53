"""Clusters that Cluster API makes: what each infrastructure needs, and what is told where it is not there.

Not proved: that a cloud knows the region or the kind of machine.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components.settings import stack as settings
from tests.support.settings_cases import cases, check, faults, refusal, server
from tests.unit.components.conftest import write_kubeconfig

AWS: Mapping[str, Any] = {
    "management": "m",
    "infrastructure": "aws",
    "version": "v1.34.4",
    "region": "eu-central-1",
    "controlPlane": {"machine": "m6i.xlarge"},
    "workers": [{"name": "cpu", "machine": "m6i.4xlarge"}],
}


def made(context: str | None = None, servers: Any = (), **changes: Any) -> dict[str, Any]:
    """A configuration of one such cluster with some keys changed; None takes a key away."""
    section = {key: one for key, one in {**AWS, **changes}.items() if one is not None}
    cluster = {"mode": "clusterApi", "clusterApi": section, **({} if context is None else {"context": context})}
    return {"cluster": cluster, "servers": list(servers)}


def worker(**changes: Any) -> dict[str, Any]:
    found = {"name": "cpu", "machine": "m6i.4xlarge", **changes}
    return made(workers=[{key: one for key, one in found.items() if one is not None}])


@cases(
    ("no section", {"cluster": {"mode": "clusterApi"}}, "cluster.clusterApi: is required with `mode: clusterApi`"),
    (
        "another mode",
        {"cluster": {"clusterApi": dict(AWS)}},
        "cluster.clusterApi: has no effect unless `mode` is `clusterApi`",
    ),
    ("no management cluster", made(management=None), "cluster.clusterApi.management: is required"),
    (
        "unknown infrastructure",
        made(infrastructure="hetzner"),
        "cluster.clusterApi.infrastructure: must be one of 'aws'",
    ),
    ("version", made(version="1.34"), "cluster.clusterApi.version: `1.34` is no version of Kubernetes"),
    ("range of pods", made(pods="10.0.0.0"), "cluster.clusterApi.pods: must be an address range"),
    ("no region", made(region=None), "cluster.clusterApi.region: is required with `infrastructure: aws`"),
    (
        "another cloud's setting",
        made(project="p"),
        "cluster.clusterApi.project: has no effect with `aws`, which takes `region`, `sshKey`. Leave it out",
    ),
    (
        "even control plane",
        made(controlPlane={"machine": "m", "replicas": 2}),
        "cluster.clusterApi.controlPlane.replicas: must be 1, 3, 5 or 7, not 2",
    ),
    (
        "no machine",
        made(controlPlane={"replicas": 1}),
        "cluster.clusterApi.controlPlane.machine: is required with `infrastructure: aws`",
    ),
    ("no machine of workers", worker(machine=None), "cluster.clusterApi.workers[0].machine: is required"),
    ("name of workers", worker(name="CPU"), "cluster.clusterApi.workers[0].name: `CPU` is no legal name"),
    ("too many workers", worker(replicas=1001), "cluster.clusterApi.workers[0].replicas: must be from 0 to 1000"),
    ("tiny disk", worker(disk=5), "cluster.clusterApi.workers[0].disk: must be from 20 to 16384"),
    ("label", worker(labels={"a b": "c"}), "cluster.clusterApi.workers[0].labels.a b: `a b` is no legal key"),
    ("taint", worker(taints=[{"key": "a b"}]), "cluster.clusterApi.workers[0].taints[0].key: `a b` is no legal key"),
    (
        "workers named twice",
        made(workers=[{"name": "a", "machine": "m"}, {"name": "a", "machine": "n"}]),
        "cluster.clusterApi.workers[1].name: `a` is also the name at cluster.clusterApi.workers[0].name",
    ),
    (
        "a machine of Docker",
        made(infrastructure="docker", region=None, controlPlane={}, workers=[{"name": "a", "machine": "m"}]),
        "cluster.clusterApi.workers[0].machine: has no effect with `docker`. Leave it out",
    ),
    (
        "a server before the cluster is there",
        made(servers=[server()]),
        "servers[0].cluster: `cluster` is made by Cluster API, and no context leads there yet. Deploy once without",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


@pytest.mark.parametrize(
    "raw",
    [
        made(),
        made(context="there", servers=[server()]),
        made(infrastructure="gcp", project="p"),
        made(infrastructure="azure", subscription="s", identity="i", sshKey="k"),
        made(infrastructure="docker", region=None, controlPlane={"replicas": 1}, workers=[{"name": "a"}]),
        made(workers=[]),
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []


def test_every_fault_at_once() -> None:
    raw = made(infrastructure="azure", region=None, version="x", controlPlane={"replicas": 4})
    places = [one.partition(":")[0].removeprefix("cluster.clusterApi.") for one in refusal(raw)]
    assert places == ["controlPlane.machine", "controlPlane.replicas", "identity", "region", "subscription", "version"]


def test_a_management_cluster_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_kubeconfig(tmp_path / "kubeconfig", {"e": "https://10.0.0.1"}, "e")
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(pulumi.RunError, match=r"cluster\.clusterApi\.management: there is no context `m`"):
        settings.parse({"cluster": json.dumps(made()["cluster"])}, contexts=True)
