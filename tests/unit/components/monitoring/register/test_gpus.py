"""What tells of GPUs: an exporter on the nodes of each NVIDIA pool, or the one that is there.

Not proved: that the exporter runs, which needs a GPU. Which labels and names it tells by is its documentation's.
"""

from __future__ import annotations

from typing import Any

import pytest

from components.cluster import Cluster, ClusterArgs
from components.fleet import Place
from components.monitoring_stack import MonitoringStack
from components.settings.stack import validate
from tests.support.pulumi_mocks import deploy, kinds
from tests.unit.components.test_monitoring_stack import made, own, spec

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

L4 = {
    "name": "l4",
    "accelerator": "nvidia-l4",
    "existing": {"selector": {"gpu": "l4"}},
    "runtimeClass": "nvidia",
    "taints": [{"key": "dedicated", "value": "models"}],
}
H100 = {"name": "h100", "accelerator": "nvidia-h100-80gb", "existing": {"selector": {"gpu": "h100"}}}
MI300 = {"name": "amd", "accelerator": "amd-mi300x", "existing": {"selector": {"gpu": "amd"}}}
ON: dict[str, Any] = {"gpuExporter": {"enabled": True}}


def test_there_is_none_unless_asked_for() -> None:
    assert not [name for name in own(made(pools=[L4])) if "gpu" in name]


def test_each_pool_has_one_on_its_nodes_in_a_namespace_of_their_own() -> None:
    seen = made(pools=[L4, H100], **ON)
    first = spec(seen, "DaemonSet", "m-gpus-exporter-l4")["template"]["spec"]
    second = spec(seen, "DaemonSet", "m-gpus-exporter-h100")["template"]["spec"]
    assert (first["nodeSelector"], second["nodeSelector"]) == ({"gpu": "l4"}, {"gpu": "h100"})
    assert first["tolerations"] == [{"key": "dedicated", "operator": "Exists"}]
    assert second["tolerations"] == [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert (first["runtimeClassName"], "runtimeClassName" in second) == ("nvidia", False)
    # Two sets must not take each other's pods.
    chosen = [spec(seen, "DaemonSet", f"m-gpus-exporter-{pool}")["selector"]["matchLabels"] for pool in ("l4", "h100")]
    assert chosen[0] != chosen[1]
    space = kinds(seen, ":Namespace")["m-gpus-namespace"]["metadata"]
    assert space["name"] == "team-gpus"
    assert space["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


def test_it_tells_what_is_asked_and_no_more() -> None:
    seen = made(pools=[L4], **ON)
    text = kinds(seen, ":ConfigMap")["m-gpus-gpu-exporter-config"]["data"]["counters.csv"]
    assert [line.split(",")[0] for line in text.splitlines()] == [
        "DCGM_FI_DEV_GPU_UTIL",
        "DCGM_FI_DEV_FB_USED",
        "DCGM_FI_DEV_GPU_TEMP",
        "DCGM_FI_DEV_XID_ERRORS",
    ]
    # The exporter refuses a line of any other number of fields.
    assert {len(line.split(",")) for line in text.splitlines()} == {3}
    (container,) = spec(seen, "DaemonSet", "m-gpus-exporter-l4")["template"]["spec"]["containers"]
    assert "--collectors=/etc/gpu-exporter/counters.csv" in container["args"]
    security = container["securityContext"]
    assert (security["capabilities"], security["readOnlyRootFilesystem"]) == ({"drop": ["ALL"]}, True)


def test_prometheus_alone_gets_in_and_it_knows_its_name() -> None:
    seen = made(pools=[L4], tls=True, **ON)
    policy = spec(seen, "NetworkPolicy", "m-gpus-network-gpu-exporter")
    assert policy["egress"] == []
    (way,) = policy["ingress"]
    assert way["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"] == "prometheus"
    (endpoint,) = spec(seen, "PodMonitor", "m-podmonitor-gpu-exporter")["podMetricsEndpoints"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]["serverName"]) == ("https", "gpu-exporter.team-gpus.svc")
    # Whose GPU it is, is what the target says, not what the target is.
    assert endpoint["honorLabels"]
    (container,) = spec(seen, "DaemonSet", "m-gpus-exporter-l4")["template"]["spec"]["containers"]
    assert "--web-config-file=/etc/metrics-tls/web.yaml" in container["args"]
    assert container["startupProbe"]["httpGet"]["scheme"] == "HTTPS"
    assert kinds(seen, ":Secret")["m-gpus-metrics-tls-gpu-exporter"]["metadata"]["namespace"] == "team-gpus"
    rules = [name for name in kinds(seen, ":Role") if name == "m-prometheus-role-gpus"]
    assert rules, "Prometheus may not list the exporters"
    ways = spec(seen, "NetworkPolicy", "m-network-prometheus")["egress"]
    assert 9400 in {port["port"] for way in ways for port in way["ports"]}


def test_settings_are_merged_over_the_pod_last() -> None:
    more = {"spec": {"containers": [{"name": "gpu-exporter", "securityContext": {"readOnlyRootFilesystem": False}}]}}
    seen = made(pools=[L4], tls=True, gpuExporter={"enabled": True, "pod": more})
    (container,) = spec(seen, "DaemonSet", "m-gpus-exporter-l4")["template"]["spec"]["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_the_one_that_is_there_is_asked_where_it_is() -> None:
    there = {"enabled": True, "mode": "existing", "namespace": "gpu-operator"}
    seen = made(tls=True, gpuExporter=there)
    assert not [name for name in own(seen) if name.startswith(("DaemonSet m-gpus", "Namespace m-gpus"))]
    monitor = spec(seen, "PodMonitor", "m-podmonitor-gpu-exporter")
    assert monitor["namespaceSelector"]["matchNames"] == ["gpu-operator"]
    assert monitor["selector"]["matchLabels"] == {"app": "nvidia-dcgm-exporter"}
    assert monitor["podMetricsEndpoints"][0].get("scheme", "http") == "http"
    ways = spec(seen, "NetworkPolicy", "m-network-prometheus")["egress"]
    (peer,) = [way["to"][0] for way in ways if way["ports"][0]["port"] == 9400]
    # That namespace is not the stack's, and has none of its labels.
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "gpu-operator"}
    assert kinds(seen, ":Role")["m-prometheus-role-gpu-operator"]["metadata"]["namespace"] == "gpu-operator"


def test_only_nvidias_pools_of_the_primary_cluster_have_one() -> None:
    config = validate({"monitoring": {"enabled": True, **ON}, "gpuPools": [L4, MI300]})

    def program() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        MonitoringStack.of(config, Place(config.all_clusters[0], cluster, None))

    sets = [name for name in kinds(deploy(program), ":DaemonSet") if "gpus" in name]
    assert sets == ["monitoring-gpus-exporter-l4"]
