"""An Ollama server's objects as they are sent to the cluster, and what its arguments refuse.

Not proved: that Ollama and its agent start with these settings, that a drain lets answers end, or that an API server
accepts the objects.
"""

import json
from typing import Any

import pulumi
import pytest

from components.cluster import Cluster, ClusterArgs
from components.ollama_server import OllamaServer, OllamaServerArgs
from components.settings.server import PodSettings, VolumeSettings
from components.sizes import CLASSES, Size
from ollama.document import Pull, WantedDocument, WantedEntry, dump
from replica_agent.config import parse
from tests.support.pulumi_mocks import Seen, deploy, kinds

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

STORE = {"app.kubernetes.io/name": "model-store"}
SMALL = Size(cpu="250m", cpu_limit="2", memory="1Gi", memory_limit="3Gi", storage="4Gi")
WANTED = WantedDocument(models=(WantedEntry(name="smollm2:135m", pull=Pull(source="store/smollm2:135m")),))
API = [{"ip": "10.200.0.1", "port": 6443}, {"ip": "fd00::1", "port": 6443}]
FORCE = {"pulumi.com/patchForce": "true"}
SKIP = {"pulumi.com/skipAwait": "true"}


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


def spec(seen: Seen, name: str = "chat-pods") -> Any:
    return kinds(seen, ":StatefulSet")[name]["spec"]


def containers(found: Any) -> dict[str, Any]:
    return {one["name"]: one for one in found["template"]["spec"]["containers"]}


def volumes(found: Any) -> dict[str, Any]:
    return {one["name"]: one for one in found["template"]["spec"]["volumes"]}


def agent_config(found: Any) -> Any:
    return parse(found["template"]["metadata"]["annotations"]["echorator.dev/agent-config"], "config")


def test_stateful_set(seen: Seen) -> None:
    found = spec(seen)
    assert kinds(seen, ":StatefulSet")["chat-pods"]["metadata"]["name"] == "chat"
    assert (found["replicas"], found["serviceName"]) == (3, "chat-pods")
    assert found["podManagementPolicy"] == "Parallel"
    assert found["updateStrategy"] == {"type": "RollingUpdate"}
    assert found["minReadySeconds"] > 0
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
    constraints = found["template"]["spec"]["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in constraints] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert {json.dumps(one["labelSelector"], sort_keys=True) for one in constraints} == {
        json.dumps(found["selector"], sort_keys=True)
    }


def test_ollama_is_heard_in_its_pod_only(seen: Seen) -> None:
    ollama = containers(spec(seen))["ollama"]
    assert ollama["image"] == "docker.io/ollama/ollama:0.17.4"
    assert "ports" not in ollama
    env = {one["name"]: one["value"] for one in ollama["env"]}
    assert env["OLLAMA_HOST"] == "127.0.0.1:11435"
    assert ollama["resources"] == {
        "requests": {"cpu": "250m", "memory": "1Gi"},
        "limits": {"cpu": "2", "memory": "3Gi"},
    }
    assert {one["mountPath"] for one in ollama["volumeMounts"]} == {"/data", "/tmp"}  # noqa: S108


def test_probes_ask_the_agent_what_a_pull_does_not_slow(seen: Seen) -> None:
    both = containers(spec(seen))
    for probe in ("startupProbe", "livenessProbe"):
        assert both["ollama"][probe]["httpGet"] == {"path": "/ollama/livez", "port": 11436.0}
        assert both["agent"][probe]["httpGet"] == {"path": "/healthz", "port": "agent"}
    liveness = both["ollama"]["livenessProbe"]
    assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 120
    assert both["agent"]["readinessProbe"]["httpGet"] == {"path": "/readyz", "port": "agent"}
    assert both["agent"]["readinessProbe"]["periodSeconds"] == 2
    assert "readinessProbe" not in both["ollama"]


def test_both_containers_drain_before_they_stop() -> None:
    found = spec(program(pod=PodSettings.model_validate({"terminationGraceSeconds": 120})))
    for container in containers(found).values():
        assert container["lifecycle"]["preStop"]["httpGet"] == {"path": "/drain", "port": 11436.0}
    assert found["template"]["spec"]["terminationGracePeriodSeconds"] == 120
    assert agent_config(found).drain_limit_seconds == 110


def test_the_agent_reads_the_config_that_we_write(seen: Seen) -> None:
    found = spec(seen)
    config = agent_config(found)
    assert (config.server, config.ollama_url) == ("chat", "http://127.0.0.1:11435")
    assert config.api is not None
    assert (config.api.config_map, config.api.key) == ("chat-models", "wanted.json")
    assert not config.read_only
    agent = containers(found)["agent"]
    assert agent["args"] == ["replica_agent", "--config", "/etc/replica-agent/config.json"]
    assert {(one["name"], one["containerPort"]) for one in agent["ports"]} == {("http", 11434), ("agent", 11436)}
    assert agent["resources"] == {
        "requests": {"cpu": "25m", "memory": "64Mi"},
        "limits": {"cpu": "1", "memory": "256Mi"},
    }
    sources = volumes(found)["agent-config"]["projected"]["sources"]
    paths = [item["path"] for source in sources for kind in source.values() for item in kind["items"]]
    assert paths == ["config.json", "wanted/wanted.json"]
    assert str(config.wanted_file) == "/etc/replica-agent/wanted/wanted.json"
    mounts = {one["mountPath"] for one in agent["volumeMounts"]}
    assert str(config.ledger_file.parent) in mounts
    assert str(config.api.account) in mounts


def test_only_the_agent_has_a_token(seen: Seen) -> None:
    found = spec(seen)
    pod = found["template"]["spec"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["serviceAccountName"] == "chat-replica"
    account = kinds(seen, ":ServiceAccount")["chat-account"]
    assert (account["metadata"]["name"], account["automountServiceAccountToken"]) == ("chat-replica", False)
    holders = [
        name
        for name, one in containers(found).items()
        if "api-access" in {mount["name"] for mount in one["volumeMounts"]}
    ]
    assert holders == ["agent"]
    kinds_of_sources = [next(iter(one)) for one in volumes(found)["api-access"]["projected"]["sources"]]
    assert kinds_of_sources == ["serviceAccountToken", "configMap", "downwardAPI"]


def test_rights_of_the_agent_are_its_list_and_events(seen: Seen) -> None:
    assert kinds(seen, ":Role")["chat-role"]["rules"] == [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": ["chat-models"],
            "verbs": ["get", "list", "watch"],
        },
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    ]
    binding = kinds(seen, ":RoleBinding")["chat-role-binding"]
    assert binding["roleRef"]["name"] == "chat-replica"
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "chat-replica", "namespace": "team-models"}]


def test_another_list_rolls_no_pod() -> None:
    with_models, without = program(wanted=WANTED), program()
    listed = kinds(with_models, ":ConfigMap")["chat-models"]
    assert listed["metadata"]["name"] == "chat-models"
    assert listed["data"] == {"wanted.json": dump(WANTED)}
    assert spec(with_models)["template"] == spec(without)["template"]


def test_models_are_waited_for_by_their_own_resources() -> None:
    for seen, skip in ((program(wanted=WANTED), SKIP), (program(), {})):
        assert kinds(seen, ":StatefulSet")["chat-pods"]["metadata"]["annotations"] == {**FORCE, **skip}
        assert kinds(seen, ":Service")["chat-service"]["metadata"].get("annotations", {}) == skip


def test_no_replica_means_no_wait_for_endpoints() -> None:
    service = kinds(program(replicas=0), ":Service")["chat-service"]
    assert service["metadata"]["annotations"] == SKIP


def test_growth_watches_over_the_volumes(seen: Seen) -> None:
    growth = kinds(seen, ":VolumeGrowth")["chat-volumes"]
    assert {
        key: growth[key] for key in ("namespace", "statefulSet", "claim", "storage", "accessMode", "serverUid")
    } == {
        "namespace": "team-models",
        "statefulSet": "chat",
        "claim": "data",
        "storage": "4Gi",
        "accessMode": "ReadWriteOnce",
        "serverUid": "uid-of-chat-pods",
    }


def test_type_of_growth_is_stable(seen: Seen) -> None:
    (kind,) = {kind for kind, name in seen if name == "chat-volumes"}
    assert kind == "pulumi-python:dynamic/echorator:VolumeGrowth"


def test_volumes_can_have_a_class_and_a_mode() -> None:
    seen = program(
        storage_class="standard",
        volume=VolumeSettings.model_validate({"storageClass": "fast", "accessMode": "ReadWriteOncePod"}),
    )
    (template,) = spec(seen)["volumeClaimTemplates"]
    assert template["spec"]["storageClassName"] == "fast"
    assert template["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert spec(program(storage_class="standard"))["volumeClaimTemplates"][0]["spec"]["storageClassName"] == "standard"


def test_services(seen: Seen) -> None:
    services = kinds(seen, ":Service")
    inside, pods = services["chat-service"], services["chat-pods-service"]
    assert (inside["metadata"]["name"], inside["spec"]["type"]) == ("chat", "ClusterIP")
    assert inside["spec"]["ports"] == [{"name": "http", "port": 11434.0, "targetPort": "http", "protocol": "TCP"}]
    assert "clusterIP" not in inside["spec"]
    assert pods["metadata"]["name"] == "chat-pods"
    assert (pods["spec"]["clusterIP"], pods["spec"]["publishNotReadyAddresses"]) == ("None", True)


CLIENTS = {
    "namespaceSelector": {
        "matchLabels": {"app.kubernetes.io/instance": "team", "app.kubernetes.io/part-of": "echorator"}
    },
    "podSelector": {"matchLabels": {"echorator.dev/ollama-client": "true"}},
}


def test_network() -> None:
    policy = kinds(program(api_server=API), ":NetworkPolicy")["chat-network"]["spec"]
    assert policy["ingress"] == [{"from": [CLIENTS], "ports": [{"protocol": "TCP", "port": 11434.0}]}]
    assert policy["egress"] == [
        {"to": [{"podSelector": {"matchLabels": STORE}}], "ports": [{"protocol": "TCP", "port": 5000.0}]},
        {"to": [{"ipBlock": {"cidr": "10.200.0.1/32"}}], "ports": [{"protocol": "TCP", "port": 6443.0}]},
        {"to": [{"ipBlock": {"cidr": "fd00::1/128"}}], "ports": [{"protocol": "TCP", "port": 6443.0}]},
    ]
    assert policy["policyTypes"] == ["Ingress", "Egress"]


def test_clients_are_found_by_the_labels_of_the_namespace(seen: Seen) -> None:
    wanted = kinds(seen, ":NetworkPolicy")["chat-network"]["spec"]["ingress"][0]["from"][0]["namespaceSelector"]
    assert wanted["matchLabels"].items() <= kinds(seen, ":Namespace")["c-models"]["metadata"]["labels"].items()


def test_without_a_store_replicas_reach_registries() -> None:
    (egress,) = kinds(program(store=None), ":NetworkPolicy")["chat-network"]["spec"]["egress"]
    assert egress["ports"] == [{"protocol": "TCP", "port": 443.0}]


def test_the_api_server_is_let_in_where_it_must_be(seen: Seen) -> None:
    policy = kinds(program(api_server_cidrs=["10.0.0.0/24"]), ":NetworkPolicy")["chat-network"]["spec"]
    assert policy["ingress"][1] == {
        "from": [{"ipBlock": {"cidr": "10.0.0.0/24"}}],
        "ports": [{"protocol": "TCP", "port": 11434.0}, {"protocol": "TCP", "port": 11436.0}],
    }
    for name, found in kinds(seen, ":NetworkPolicy").items():
        assert all(rule["from"] for rule in found["spec"].get("ingress", [])), f"{name} lets everybody in"


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


SHARED = VolumeSettings.model_validate({"mode": "shared"})


def test_shared_volume_has_one_writer() -> None:
    seen = program(volume=SHARED, size=CLASSES["large"], sources=["weights"], api_server_cidrs=["10.0.0.0/24"])
    claim = kinds(seen, ":PersistentVolumeClaim")["chat-claim"]
    assert claim["metadata"]["name"] == "chat-models"
    assert claim["spec"] == {"accessModes": ["ReadWriteMany"], "resources": {"requests": {"storage": "80Gi"}}}
    writer, reader = spec(seen, "chat-writer"), spec(seen)
    assert writer["replicas"] == 1
    assert (agent_config(writer).read_only, agent_config(reader).read_only) == (False, True)
    for found, read_only in ((writer, None), (reader, True)):
        assert "volumeClaimTemplates" not in found
        assert volumes(found)["data"] == {"name": "data", "persistentVolumeClaim": {"claimName": "chat-models"}}
        ollama = containers(found)["ollama"]
        mounts = {one["mountPath"]: one for one in ollama["volumeMounts"]}
        assert mounts["/data/models"].get("readOnly") == read_only
        assert volumes(found)[mounts["/data"]["name"]].keys() == {"name", "emptyDir"}
        env = {one["name"]: one["value"] for one in ollama["env"]}
        assert (env["HOME"], env["OLLAMA_MODELS"]) == ("/data", "/data/models")
        assert env.get("OLLAMA_NOPRUNE") == ("1" if read_only else None)
    assert "nvidia.com/gpu" in containers(reader)["ollama"]["resources"]["limits"]
    assert "nvidia.com/gpu" not in containers(writer)["ollama"]["resources"]["limits"]
    assert not kinds(seen, ":VolumeGrowth")


def test_nobody_is_sent_to_the_writer() -> None:
    seen = program(volume=SHARED)
    labels = spec(seen, "chat-writer")["template"]["metadata"]["labels"]
    service = kinds(seen, ":Service")["chat-service"]["spec"]["selector"]
    assert not service.items() <= labels.items()
    assert spec(seen, "chat-writer")["selector"]["matchLabels"].items() <= labels.items()
    assert not spec(seen)["selector"]["matchLabels"].items() <= labels.items()
    # By name it can be reached, as each replica can.
    assert kinds(seen, ":Service")["chat-pods-service"]["spec"]["selector"].items() <= labels.items()
    policies = kinds(seen, ":NetworkPolicy")
    writer, reader = policies["chat-writer-network"]["spec"], policies["chat-network"]["spec"]
    assert (writer["ingress"], reader["egress"]) == ([], [])
    assert [rule["ports"][0]["port"] for rule in writer["egress"]] == [5000]
    assert writer["podSelector"]["matchLabels"].items() <= labels.items()


def test_shared_volume_of_ones_own() -> None:
    seen = program(volume=VolumeSettings.model_validate({"mode": "shared", "claim": "nfs"}))
    assert not kinds(seen, ":PersistentVolumeClaim")
    assert volumes(spec(seen))["data"]["persistentVolumeClaim"] == {"claimName": "nfs"}


def test_weights_are_seen_by_the_agent_only() -> None:
    found = spec(program(sources=["weights", "a.b", "weights"]))
    names = {"source-0": "a.b", "source-1": "weights"}
    assert {name: volumes(found)[name]["persistentVolumeClaim"]["claimName"] for name in names} == names
    mounts = {one["name"]: one for one in containers(found)["agent"]["volumeMounts"]}
    assert {name: mounts[name]["mountPath"] for name in names} == {
        "source-0": "/sources/a.b",
        "source-1": "/sources/weights",
    }
    assert all(mounts[name]["readOnly"] for name in names)
    assert not names.keys() & {one["name"] for one in containers(found)["ollama"]["volumeMounts"]}


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
