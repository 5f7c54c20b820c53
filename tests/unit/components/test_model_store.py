"""The model store's objects as they are sent to the cluster.

Not proved: that the service runs on this configuration (its own tests do), or that the policies hold anything off.
"""

import json
from typing import Any

import pytest

from components import model_store_objects as objects
from components.cluster import Cluster, ClusterArgs
from components.model_store import ModelStore, ModelStoreArgs
from components.settings import UpstreamSettings
from components.versions import RUNTIME_TAG
from model_store.config import parse
from tests.support.pulumi_mocks import Seen, deploy, kinds

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

MIRROR = "http://mirror.local-registry.svc.cluster.local:5000"
UPSTREAMS = [
    UpstreamSettings(host="registry.ollama.ai", mirrors=(MIRROR,)),
    UpstreamSettings(host="hf.co"),
]
CLIENT = {"app.kubernetes.io/name": "ollama", "app.kubernetes.io/instance": "chat"}


@pytest.fixture
def seen() -> Seen:
    def program() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        args = ModelStoreArgs(
            cluster=cluster, storage="10Gi", storage_class="fast", upstreams=UPSTREAMS, clients=[CLIENT]
        )
        ModelStore("s", args)

    return deploy(program)


def spec(seen: Seen) -> Any:
    return kinds(seen, ":StatefulSet")["s-pods"]["spec"]


def test_the_service_reads_the_config_that_we_write(seen: Seen) -> None:
    text = kinds(seen, ":ConfigMap")["s-config"]["data"]["config.json"]
    config = parse(text, "config.json")
    assert config.max_bytes == 9 * 2**30
    assert json.loads(text)["upstreams"] == [
        {
            "host": "registry.ollama.ai",
            "alias": "registry-ollama-ai",
            "endpoints": [MIRROR, "https://registry.ollama.ai"],
        },
        {"host": "hf.co", "alias": "hf-co", "endpoints": ["https://hf.co"]},
    ]


def test_a_change_of_config_rolls_the_pod(seen: Seen) -> None:
    assert "name" not in kinds(seen, ":ConfigMap")["s-config"]["metadata"]
    volumes = {one["name"]: one for one in spec(seen)["template"]["spec"]["volumes"]}
    assert volumes["config"]["configMap"] == {"name": "s-config-1a2b3c4d"}


def test_one_replica_with_one_volume(seen: Seen) -> None:
    found = spec(seen)
    assert (found["replicas"], found["serviceName"]) == (1, "model-store-pods")
    assert found["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    assert found["volumeClaimTemplates"] == [
        {
            "metadata": {"name": "data"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "fast",
                "resources": {"requests": {"storage": "10Gi"}},
            },
        }
    ]


def test_container(seen: Seen) -> None:
    pod = spec(seen)["template"]["spec"]
    (container,) = pod["containers"]
    assert container["image"] == f"ghcr.io/echorator/runtime:{RUNTIME_TAG}"
    assert container["args"] == ["model_store", "--config", "/etc/model-store/config.json"]
    assert "command" not in container
    assert container["livenessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "http"}
    assert pod["priorityClassName"] == "team-store"
    assert pod["serviceAccountName"] == "model-store"
    text = kinds(seen, ":ConfigMap")["s-config"]["data"]["config.json"]
    assert pod["terminationGracePeriodSeconds"] > parse(text, "config.json").shutdown_seconds


def test_a_service_for_each_registry(seen: Seen) -> None:
    services = kinds(seen, ":Service")
    names = {key: one["metadata"]["name"] for key, one in services.items()}
    assert names == {
        "s-service": "model-store",
        "s-service-registry-ollama-ai": "registry-ollama-ai",
        "s-service-hf-co": "hf-co",
        "s-pods-service": "model-store-pods",
    }
    for one in services.values():
        assert one["spec"]["selector"] == objects.selector("team")
        assert one["spec"]["ports"] == [{"name": "http", "port": 5000.0, "targetPort": "http", "protocol": "TCP"}]
    assert services["s-pods-service"]["spec"]["clusterIP"] == "None"


def test_network(seen: Seen) -> None:
    policy = kinds(seen, ":NetworkPolicy")["s-network"]["spec"]
    assert policy["podSelector"] == {"matchLabels": objects.selector("team")}
    assert policy["ingress"] == [
        {"from": [{"podSelector": {"matchLabels": CLIENT}}], "ports": [{"protocol": "TCP", "port": 5000.0}]}
    ]
    (egress,) = policy["egress"]
    assert [one["port"] for one in egress["ports"]] == [443.0, 5000.0]


def test_no_client_means_nobody() -> None:
    policy = objects.network_policy("team", [], UPSTREAMS)
    assert policy["ingress"] == []


@pytest.mark.parametrize(
    ("host", "mirrors", "ports"),
    [
        ("registry.ollama.ai", (), [443]),
        ("r.example.com:5443", (), [5443]),
        ("r.example.com", ("http://m", "https://n"), [80, 443]),
    ],
)
def test_upstream_ports(host: str, mirrors: tuple[str, ...], ports: list[int]) -> None:
    assert objects.upstream_ports([UpstreamSettings(host=host, mirrors=mirrors)]) == ports
