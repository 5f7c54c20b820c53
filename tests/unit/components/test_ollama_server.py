"""An Ollama server's objects as they are sent to the cluster, and what its arguments refuse.

Not proved: that Ollama starts with these settings, or that a real pull leaves the probes alone.
"""

from typing import Any

import pulumi
import pytest

from components.cluster import Cluster, ClusterArgs
from components.ollama_server import OllamaServer, OllamaServerArgs
from components.settings import ServerSettings
from components.sizes import CLASSES, Size, size_of
from tests.support.pulumi_mocks import Seen, deploy, kinds

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

STORE = {"app.kubernetes.io/name": "model-store"}
SMALL = Size(cpu="250m", cpu_limit="2", memory="1Gi", memory_limit="3Gi", storage="4Gi")


def program(**changes: Any) -> Seen:
    def run() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        chosen: dict[str, Any] = {
            "name": "chat",
            "cluster": cluster,
            "size": SMALL,
            "replicas": 3,
            "store": STORE,
            **changes,
        }
        OllamaServer("chat", OllamaServerArgs(**chosen))

    return deploy(run)


@pytest.fixture
def seen() -> Seen:
    return program()


def spec(seen: Seen) -> Any:
    return kinds(seen, ":StatefulSet")["chat-pods"]["spec"]


def test_stateful_set(seen: Seen) -> None:
    found = spec(seen)
    assert kinds(seen, ":StatefulSet")["chat-pods"]["metadata"]["name"] == "chat"
    assert (found["replicas"], found["serviceName"]) == (3, "chat-pods")
    assert found["podManagementPolicy"] == "Parallel"
    assert found["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Delete", "whenScaled": "Delete"}
    assert found["volumeClaimTemplates"] == [
        {
            "metadata": {"name": "data"},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "4Gi"}}},
        }
    ]
    labels = found["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/version"] == "0.17.4"
    assert "app.kubernetes.io/version" not in found["selector"]["matchLabels"]
    assert [one["topologyKey"] for one in found["template"]["spec"]["topologySpreadConstraints"]] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]


def test_container(seen: Seen) -> None:
    (container,) = spec(seen)["template"]["spec"]["containers"]
    assert container["image"] == "docker.io/ollama/ollama:0.17.4"
    assert container["resources"] == {
        "requests": {"cpu": "250m", "memory": "1Gi"},
        "limits": {"cpu": "2", "memory": "3Gi"},
    }
    assert {one["name"]: one["value"] for one in container["env"]} == {
        "OLLAMA_HOST": "0.0.0.0:11434",
        "HOME": "/data",
        "OLLAMA_MODELS": "/data/models",
        "OLLAMA_KEEP_ALIVE": "5m",
        "OLLAMA_CONTEXT_LENGTH": "4096",
        "OLLAMA_NUM_PARALLEL": "1",
        "OLLAMA_NO_CLOUD": "1",
    }
    assert {one["mountPath"] for one in container["volumeMounts"]} == {"/data", "/tmp"}  # noqa: S108


def test_probes_ask_what_a_pull_does_not_slow(seen: Seen) -> None:
    (container,) = spec(seen)["template"]["spec"]["containers"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/api/version", "port": "http"}
    liveness = container["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 120


def test_services(seen: Seen) -> None:
    services = kinds(seen, ":Service")
    inside, pods = services["chat-service"], services["chat-pods-service"]
    assert (inside["metadata"]["name"], inside["spec"]["type"]) == ("chat", "ClusterIP")
    assert "clusterIP" not in inside["spec"]
    assert "annotations" not in inside["metadata"]
    assert pods["metadata"]["name"] == "chat-pods"
    assert (pods["spec"]["clusterIP"], pods["spec"]["publishNotReadyAddresses"]) == ("None", True)


def test_no_replica_means_no_wait_for_endpoints() -> None:
    service = kinds(program(replicas=0), ":Service")["chat-service"]
    assert service["metadata"]["annotations"] == {"pulumi.com/skipAwait": "true"}


def test_network(seen: Seen) -> None:
    policy = kinds(seen, ":NetworkPolicy")["chat-network"]["spec"]
    clients = {
        "namespaceSelector": {
            "matchLabels": {"app.kubernetes.io/instance": "team", "app.kubernetes.io/part-of": "echorator"}
        },
        "podSelector": {"matchLabels": {"echorator.dev/ollama-client": "true"}},
    }
    assert policy["ingress"] == [{"from": [clients], "ports": [{"protocol": "TCP", "port": 11434.0}]}]
    assert policy["egress"] == [
        {"to": [{"podSelector": {"matchLabels": STORE}}], "ports": [{"protocol": "TCP", "port": 5000.0}]}
    ]
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def test_clients_are_found_by_the_labels_of_the_namespace(seen: Seen) -> None:
    wanted = kinds(seen, ":NetworkPolicy")["chat-network"]["spec"]["ingress"][0]["from"][0]["namespaceSelector"]
    assert wanted["matchLabels"].items() <= kinds(seen, ":Namespace")["c-models"]["metadata"]["labels"].items()


def test_without_a_store_replicas_reach_registries() -> None:
    (egress,) = kinds(program(store=None), ":NetworkPolicy")["chat-network"]["spec"]["egress"]
    assert egress["ports"] == [{"protocol": "TCP", "port": 443.0}]


def test_the_api_server_is_let_in_where_it_must_be() -> None:
    policy = kinds(program(api_server_cidrs=["10.0.0.0/24"]), ":NetworkPolicy")["chat-network"]["spec"]
    assert policy["ingress"][0]["from"][1:] == [{"ipBlock": {"cidr": "10.0.0.0/24"}}]


def test_budget_lets_a_drain_through(seen: Seen) -> None:
    budget = kinds(seen, ":PodDisruptionBudget")["chat-budget"]["spec"]
    assert budget == {"maxUnavailable": 1, "selector": spec(seen)["selector"]}


def test_gpus() -> None:
    pod = spec(program(size=CLASSES["large"]))["template"]["spec"]
    assert pod["containers"][0]["resources"] == {
        "requests": {"cpu": "8", "memory": "32Gi"},
        "limits": {"cpu": "16", "memory": "64Gi", "nvidia.com/gpu": "1"},
    }
    assert pod["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert "tolerations" not in spec(program())["template"]["spec"]


def test_storage_of_a_class_can_be_said() -> None:
    raw = {"name": "a", "class": "medium", "storage": "99Gi"}
    assert size_of(ServerSettings.model_validate(raw)).storage == "99Gi"
    assert size_of(ServerSettings.model_validate({"name": "a", "class": "medium"})).storage == "40Gi"


def test_a_server_that_runs_has_no_children() -> None:
    seen = deploy(lambda: OllamaServer("far", OllamaServerArgs(name="far", url="https://ollama.example.com")))
    assert list(seen) == [("echorator:index:OllamaServer", "far")]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (OllamaServerArgs(name="a", url="http://h", size=SMALL), "`url` is of a server that already runs"),
        (OllamaServerArgs(name="a"), "needs either `url`, or `cluster` and `size`"),
        (OllamaServerArgs(name="a", url="http://h", replicas=-1), "`replicas` must be 0 or more, not -1"),
    ],
)
def test_refusals(args: OllamaServerArgs, told: str) -> None:
    with pytest.raises(pulumi.RunError, match=told):
        deploy(lambda: OllamaServer("a", args))
