"""The whole program with GPU pools of every way, and servers on them: which objects, and that each pod lands there.

Against mocks. That a real API server takes the objects, and that pods really land, is shown on the local cluster.
"""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from typing import Any

import pulumi
import pytest

from components.versions import ROOT
from tests.support.pulumi_mocks import Seen, deploy, kinds
from tests.unit.components.conftest import write_kubeconfig

REFERENCE = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "gpu"}
POOLS: list[dict[str, Any]] = [
    {"name": "t4", "accelerator": "nvidia-t4", "existing": {"names": ["node-1", "node-2"]}, "runtimeHandler": "nvidia"},
    {
        "name": "shared",
        "accelerator": "nvidia-l4",
        "existing": {"selector": {"cloud.example.com/gpu": "l4"}},
        "timeSlicing": 4,
        "devices": "devicePlugin",
        "maxNodes": 2,
        "labels": {"team": "models"},
    },
    {
        "name": "parted",
        "accelerator": "nvidia-h100-80gb",
        "maxNodes": 2,
        "existing": {"selector": {"cloud.example.com/gpu": "h100"}},
        "mig": {"3g.40gb": 2},
        "devices": "devicePlugin",
    },
    {
        "name": "made",
        "accelerator": "nvidia-l40s",
        "gpusPerNode": 8,
        "maxNodes": 2,
        "karpenter": {"nodeClass": REFERENCE, "requirements": {"karpenter.sh/capacity-type": ["spot"]}, "weight": 10},
    },
    {
        "name": "claimed",
        "accelerator": "nvidia-a100-80gb",
        "clusterApi": {
            "cluster": "workload",
            "namespace": "clusters",
            "bootstrap": {"group": "bootstrap.cluster.x-k8s.io", "kind": "KubeadmConfig", "name": "gpu"},
            "infrastructure": {"group": "infrastructure.cluster.x-k8s.io", "kind": "DockerMachinePool", "name": "gpu"},
            "version": "v1.34.4",
        },
        "minNodes": 1,
        "maxNodes": 3,
        "devices": "dra",
    },
    {"name": "amd", "accelerator": "amd-mi300x", "existing": {"names": ["node-9"]}, "devices": "devicePlugin"},
    {
        "name": "flex",
        "accelerator": "intel-flex-170",
        "existing": {"selector": {"cloud.example.com/gpu": "flex"}},
        "timeSlicing": 3,
        "devices": "devicePlugin",
    },
]
SERVERS: list[dict[str, Any]] = [
    {"name": "a", "class": "medium", "pool": "t4", "replicas": 2, "models": [{"name": "llama3.2:3b"}]},
    {"name": "b", "class": "small", "gpus": 1, "pool": "shared", "models": [{"name": "llama3.2:1b"}]},
    {"name": "c", "class": "large", "pool": "parted", "scaling": {"max": 4}, "models": [{"name": "qwen2.5:32b"}]},
    {
        "name": "d",
        "class": "large",
        "pool": "claimed",
        "gpus": 1,
        "scaling": {"by": "keda", "max": 3, "prometheus": "http://prometheus:9090", "advise": True},
        "models": [{"name": "llama3.3:70b"}],
    },
    {"name": "e", "class": "echo", "models": [{"name": "nomic-embed-text:v1.5"}]},
]


def program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"))


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What the program registers, once for all tests here."""
    local = {"echorator-0123abcd": "https://127.0.0.1:6443"}
    path = write_kubeconfig(tmp_path_factory.mktemp("kube") / "kubeconfig", local, "echorator-0123abcd")
    config = {"echorator:gpuPools": json.dumps(POOLS), "echorator:servers": json.dumps(SERVERS)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KUBECONFIG", str(path))
        return deploy(program, config=config)


def pod(seen: Seen, server: str) -> Mapping[str, Any]:
    return kinds(seen, ":StatefulSet")[f"{server}-pods"]["spec"]["template"]["spec"]


def limits(seen: Seen, server: str) -> dict[str, Any]:
    (ollama,) = [one for one in pod(seen, server)["containers"] if one["name"] == "ollama"]
    return ollama["resources"]["limits"]


def test_nodes_that_are_there_are_labelled_and_tainted(seen: Seen) -> None:
    patches = kinds(seen, ":NodePatch")
    assert set(patches) == {"t4-node-1", "t4-node-2", "amd-node-9"}
    assert patches["t4-node-1"]["metadata"]["labels"] == {
        "echorator.dev/pool": "t4",
        "echorator.dev/accelerator": "nvidia-t4",
    }
    taints = kinds(seen, ":NodeTaints")
    assert taints["t4-node-2"]["taints"] == [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
    assert taints["amd-node-9"]["taints"][0]["key"] == "amd.com/gpu"


def test_pods_go_to_their_pool(seen: Seen) -> None:
    assert pod(seen, "a")["nodeSelector"] == {"echorator.dev/pool": "t4"}
    assert pod(seen, "a")["runtimeClassName"] == "echorator-t4"
    assert kinds(seen, ":RuntimeClass")["t4-runtime"]["handler"] == "nvidia"
    assert pod(seen, "b")["nodeSelector"] == {"cloud.example.com/gpu": "l4"}
    assert pod(seen, "d")["nodeSelector"] == {"node.cluster.x-k8s.io/echorator-pool": "claimed"}
    assert pod(seen, "a")["tolerations"] == [{"key": "nvidia.com/gpu", "effect": "NoSchedule", "operator": "Exists"}]
    assert limits(seen, "a")["nvidia.com/gpu"] == "1"
    assert limits(seen, "c")["nvidia.com/mig-3g.40gb"] == "1"
    assert not [key for key in limits(seen, "d") if "gpu" in key]
    assert not [key for key in limits(seen, "e") if "gpu" in key]


def test_pods_without_gpus_keep_off_the_pools(seen: Seen) -> None:
    assert "nodeSelector" not in pod(seen, "e")
    assert "tolerations" not in pod(seen, "e")
    terms = pod(seen, "e")["affinity"]["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert [term["preference"]["matchExpressions"][0]["key"] for term in terms] == [
        "echorator.dev/class",
        "echorator.dev/pool",
    ]


def test_claims(seen: Seen) -> None:
    assert pod(seen, "d")["resourceClaims"] == [{"name": "gpu", "resourceClaimTemplateName": "d-gpu"}]
    (ollama,) = [one for one in pod(seen, "d")["containers"] if one["name"] == "ollama"]
    assert ollama["resources"]["claims"] == [{"name": "gpu"}]
    template = kinds(seen, ":ResourceClaimTemplate")["d-gpu-claim"]["spec"]["spec"]["devices"]["requests"][0]
    assert template["exactly"] == {"deviceClassName": "echorator-claimed", "allocationMode": "ExactCount", "count": 1}
    assert "d-gpu-claim" in kinds(seen, ":ResourceClaimTemplate")
    rules = kinds(seen, ":DeviceClass")["claimed-class"]["spec"]["selectors"]
    assert rules[0]["cel"]["expression"] == 'device.driver == "gpu.nvidia.com"'


def test_karpenter_makes_nodes_for_whole_cards(seen: Seen) -> None:
    spec = kinds(seen, ":NodePool")["made-nodes"]["spec"]
    assert spec["limits"] == {"nvidia.com/gpu": "16"}
    assert spec["weight"] == 10
    node = spec["template"]["spec"]
    assert node["nodeClassRef"] == REFERENCE
    assert {one["key"] for one in node["requirements"]} == {"karpenter.sh/capacity-type", "kubernetes.io/arch"}


def test_cluster_api_makes_nodes_between_two_bounds(seen: Seen) -> None:
    found = kinds(seen, ":MachinePool")["claimed-machines"]
    annotations = found["metadata"]["annotations"]
    assert annotations["cluster.x-k8s.io/cluster-api-autoscaler-node-group-min-size"] == "1"
    assert annotations["cluster.x-k8s.io/cluster-api-autoscaler-node-group-max-size"] == "3"
    assert found["spec"]["template"]["spec"]["taints"][0]["propagation"] == "Always"


def test_device_plugins_share_as_the_settings_say(seen: Seen) -> None:
    plugins = kinds(seen, ":DaemonSet")
    assert set(plugins) == {
        "shared-devices-plugin",
        "parted-devices-plugin",
        "amd-devices-plugin",
        "flex-devices-plugin",
    }
    shared = json.loads(kinds(seen, ":ConfigMap")["shared-devices-config"]["data"]["config.yaml"])
    assert shared["sharing"]["timeSlicing"]["resources"] == [{"name": "nvidia.com/gpu", "replicas": 4}]
    parted = json.loads(kinds(seen, ":ConfigMap")["parted-devices-config"]["data"]["config.yaml"])
    assert parted["flags"]["migStrategy"] == "mixed"
    for name, one in plugins.items():
        spec = one["spec"]["template"]["spec"]
        context = spec["containers"][0]["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert not context.get("privileged")
        written = {one["mountPath"] for one in spec["containers"][0]["volumeMounts"] if not one.get("readOnly")}
        assert written == {"/var/lib/kubelet/device-plugins", *(["/var/run/cdi"] if name.startswith("flex") else [])}
    [flex] = plugins["flex-devices-plugin"]["spec"]["template"]["spec"]["containers"]
    assert flex["args"] == ["-shared-dev-num=3"]


def test_a_management_cluster_that_nobody_knows(local_kubeconfig: object) -> None:
    assert local_kubeconfig
    pool = {**POOLS[4], "clusterApi": {**POOLS[4]["clusterApi"], "context": "nowhere"}}
    assert pool["name"] == "claimed"
    with pytest.raises(pulumi.RunError, match=r"gpuPools\[0\]\.clusterApi\.context: .*nowhere"):
        deploy(program, config={"echorator:gpuPools": json.dumps([pool])})


def test_replicas_follow_the_load(seen: Seen) -> None:
    spec = kinds(seen, ":HorizontalPodAutoscaler")["c-autoscaler"]["spec"]
    assert (spec["minReplicas"], spec["maxReplicas"]) == (1, 4)
    assert spec["scaleTargetRef"]["name"] == "c"
    keda = kinds(seen, ":ScaledObject")["d-autoscaler"]["spec"]
    assert keda["cooldownPeriod"] == 300
    assert [one["type"] for one in keda["triggers"]] == ["cpu", "memory", "prometheus", "prometheus", "prometheus"]
    assert kinds(seen, ":VerticalPodAutoscaler")["d-advice"]["spec"]["updatePolicy"] == {"updateMode": "Off"}
    hard = kinds(seen, ":ResourceQuota")["cluster-quota"]["spec"]["hard"]
    # Two, one, four, three and one replica, and the store.
    assert hard["pods"] == str(2 * (2 + 1 + 4 + 3 + 1 + 1))
