"""The model store's objects as they are sent to the cluster.

Not proved: that the service runs on this configuration (its own tests do), or that the policies hold anything off.
"""

import json
from typing import Any

import pytest

from components import model_store_objects as objects
from components.cluster import Cluster, ClusterArgs
from components.model_store import ModelStore, ModelStoreArgs
from components.registries import PUSHED_HOST, through_store
from components.settings.store import CollectSettings, UpstreamSettings
from components.versions import RUNTIME_TAG
from components.wanted_models import Kept
from model_store.config import parse
from model_store.wanted import parse as parse_wanted
from ollama.names import ModelName
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


SECRET_MARK = "4dabf18193072939515e22adb298388d"  # what Pulumi calls a secret on the wire
KEPT = [
    Kept("registry.ollama.ai", "library/smollm2", "135m", None),
    Kept("hf.co", "bartowski/Llama-3.2-1B-Instruct-GGUF", "Q4_K_M", "sha256:" + "a" * 64),
    Kept("registry.ollama.ai", "library/smollm2", "135m", None),
]


@pytest.fixture
def whole() -> Seen:
    """With everything that can be asked for."""

    def program() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        upstreams = [UPSTREAMS[0], UpstreamSettings.model_validate({"host": "hf.co", "credentialsSecret": "hf-token"})]
        args = ModelStoreArgs(
            cluster=cluster,
            storage="10Gi",
            upstreams=upstreams,
            clients=[CLIENT],
            wanted=KEPT,
            collect=CollectSettings.model_validate({"keepHours": 0.5}),
            uploads=True,
        )
        store = ModelStore("s", args)
        assert store.upload_secret == "model-store-upload"

    return deploy(program)


def test_nothing_is_collected_or_pushed_unless_asked_for(seen: Seen) -> None:
    config = parse(kinds(seen, ":ConfigMap")["s-config"]["data"]["config.json"], "config.json")
    assert (config.collect.enabled, config.wanted_file, config.uploads) == (False, None, None)
    assert [one["name"] for one in spec(seen)["template"]["spec"]["volumes"]] == ["config", "tmp"]
    assert not kinds(seen, ":Secret")


def test_the_wanted_list_has_a_fixed_name_and_reaches_the_pod_by_a_mount(whole: Seen) -> None:
    found = kinds(whole, ":ConfigMap")["s-wanted"]
    assert found["metadata"]["name"] == "model-store-wanted"
    entries = parse_wanted(found["data"]["wanted.json"], "wanted.json").models
    assert [(one.host, one.repository, one.reference) for one in entries] == [
        ("hf.co", "bartowski/Llama-3.2-1B-Instruct-GGUF", "Q4_K_M"),
        ("registry.ollama.ai", "library/smollm2", "135m"),
    ]
    config = parse(kinds(whole, ":ConfigMap")["s-config"]["data"]["config.json"], "config.json")
    assert (config.collect.enabled, config.collect.keep_seconds) == (True, 1800)
    assert str(config.wanted_file) == "/etc/model-store-wanted/wanted.json"
    pod = spec(whole)["template"]["spec"]
    assert {"name": "wanted", "configMap": {"name": "model-store-wanted", "optional": True}} in pod["volumes"]


def test_a_change_of_the_wanted_list_changes_nothing_else() -> None:
    def program(kept: list[Kept]) -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        args = ModelStoreArgs(cluster=cluster, storage="10Gi", upstreams=UPSTREAMS, clients=[CLIENT], wanted=kept)
        ModelStore("s", args)

    def inputs(kept: list[Kept]) -> dict[tuple[str, str], Any]:
        return {key: one.inputs for key, one in deploy(lambda: program(kept)).items()}

    before, after = inputs(KEPT), inputs([])
    assert [name for kind, name in before if before[kind, name] != after[kind, name]] == ["s-wanted"]


def test_the_upload_token_is_a_secret_everywhere(whole: Seen) -> None:
    secret = kinds(whole, ":Secret")["s-upload"]
    assert secret["metadata"]["name"] == "model-store-upload"
    assert SECRET_MARK in secret["stringData"]
    assert kinds(whole, ":RandomPassword")["s-upload-token"]["length"] == 48.0
    assert "s-service-model-store-local" in kinds(whole, ":Service")
    assert through_store(ModelName.parse(f"{PUSHED_HOST}/team/m:1"), "n") == (
        "model-store-local.n.svc.cluster.local:5000/team/m:1"
    )
    volumes = {one["name"]: one for one in spec(whole)["template"]["spec"]["volumes"]}
    assert volumes["upload"]["secret"] == {"secretName": "model-store-upload", "defaultMode": 0o440}


def test_credentials_are_mounted_read_only_and_by_name(whole: Seen) -> None:
    pod = spec(whole)["template"]["spec"]
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert volumes["credentials-1"]["secret"] == {"secretName": "hf-token", "optional": True, "defaultMode": 0o440}
    mounts = {one["name"]: one for one in pod["containers"][0]["volumeMounts"]}
    assert mounts["credentials-1"] == {
        "name": "credentials-1", "mountPath": "/etc/model-store-credentials/hf-co", "readOnly": True,
    }  # fmt: skip
    config = parse(kinds(whole, ":ConfigMap")["s-config"]["data"]["config.json"], "config.json")
    assert [str(one.credentials_file) for one in config.upstreams] == ["None", "/etc/model-store-credentials/hf-co"]
    assert not any("subPath" in one for one in mounts.values())
    assert "env" not in pod["containers"][0] or {one["name"] for one in pod["containers"][0]["env"]} == {"HOME"}
