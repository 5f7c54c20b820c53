"""What monitoring registers: its resources in both modes, its openings, its rights.

Not shown: that an operator makes a running Prometheus of it, which tests/drill/test_stack.py shows.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pytest
import yaml
from cryptography import x509

from components.cluster import Cluster, ClusterArgs
from components.fleet import Place
from components.metrics_tls import MetricsTls
from components.monitoring import prometheus, scrape, tls
from components.monitoring.dashboards import BOARDS
from components.monitoring.rules import rule_groups
from components.monitoring_stack import MonitoringStack, MonitoringStackArgs, WatchedMemory
from components.settings.monitoring import MonitoringSettings
from components.settings.stack import validate
from components.versions import MONITORING_IMAGES
from tests.support.pulumi_mocks import Seen, deploy, kinds

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

MEMORY = WatchedMemory(store="memory-2", authority="an authority", ends=1_800_000_000)


def made(*, parts: Mapping[str, Any] | None = None, pools: Sequence[Mapping[str, Any]] = (), **settings: Any) -> Seen:
    """Register a stack with these monitoring settings; `parts` says what else there is, `pools` which GPUs."""

    def program() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        raw = {"monitoring": {"enabled": True, **settings}, "echo": {"enabled": "echo" in (parts or {})}}
        whole = validate({**raw, "gpuPools": list(pools)})
        args = MonitoringStackArgs(
            cluster=cluster,
            settings=whole.monitoring,
            replicas={"chat": 2},
            gpu_pools=whole.gpu_pools,
            metrics=MetricsTls.of(whole, cluster, parent=None, prefix=""),
            **(parts or {}),
        )
        MonitoringStack("m", args, pulumi.ResourceOptions(depends_on=[cluster]))

    return deploy(program)


def own(seen: Seen) -> set[str]:
    """Type and name of what the component registers, without the long beginning of the types."""
    found = {(kind.rpartition(":")[2], name) for kind, name in seen if name.startswith("m-")}
    return {f"{kind} {name}" for kind, name in found}


def spec(seen: Seen, kind: str, name: str) -> Mapping[str, Any]:
    return kinds(seen, f":{kind}")[name]["spec"]


MONITORS = {"PodMonitor m-podmonitor-replicas", "PodMonitor m-podmonitor-model-store"}
OPENINGS = {"NetworkPolicy m-scrape-replicas", "NetworkPolicy m-scrape-model-store"}


def test_existing_gets_monitors_rules_and_openings_alone() -> None:
    seen = made(mode="existing", scraperNamespace="theirs", labels={"release": "p"})
    boards = {f"ConfigMap m-dashboard-{board.name}" for board in BOARDS}
    assert own(seen) == {*MONITORS, *OPENINGS, *boards, "PrometheusRule m-prometheusrule-echorator"}
    for name in ("m-podmonitor-replicas", "m-podmonitor-model-store"):
        metadata = kinds(seen, ":PodMonitor")[name]["metadata"]
        assert metadata["namespace"] == "team-models"
        assert metadata["labels"]["release"] == "p"
    (peer,) = spec(seen, "NetworkPolicy", "m-scrape-replicas")["ingress"][0]["from"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "theirs"}
    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "prometheus"}


def test_bring_makes_it_all_in_a_namespace_of_its_own() -> None:
    seen = made()
    found = own(seen)
    assert found > MONITORS | OPENINGS
    assert {"Namespace m-namespace", "Prometheus m-prometheus-team", "Alertmanager m-alertmanager-team"} < found
    assert {"Deployment m-operator", "DaemonSet m-node-exporter", "NetworkPolicy m-network-default-deny"} < found
    for (_, name), registered in seen.items():
        metadata = registered.inputs.get("metadata", {})
        if name.startswith("m-") and "namespace" in metadata:
            outside = name.startswith(("m-scrape-", "m-prometheus-role-models"))
            assert metadata["namespace"] == ("team-models" if outside else "team-monitoring"), name
    assert "ClusterRole m-prometheus-cluster-role" not in found


def test_each_monitor_has_its_opening_and_prometheus_the_way_out() -> None:
    seen = made()
    ways = spec(seen, "NetworkPolicy", "m-network-prometheus")["egress"]
    ports = sorted(port["port"] for way in ways for port in way["ports"])
    assert ports == [5000, 6443, 8080, 9090, 9093, 9100, 11436]
    assert all(way.get("to") for way in ways)
    for name, port in (("replicas", 11436), ("model-store", 5000)):
        (rule,) = spec(seen, "NetworkPolicy", f"m-scrape-{name}")["ingress"]
        assert [one["port"] for one in rule["ports"]] == [port]
        (peer,) = rule["from"]
        assert peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == "team-monitoring"


def test_prometheus_reads_pods_where_it_scrapes_and_nothing_else() -> None:
    seen = made()
    roles = {name: found["rules"] for name, found in kinds(seen, ":Role").items() if "prometheus-role" in name}
    assert set(roles) == {"m-prometheus-role", "m-prometheus-role-models"}
    (rule,) = roles["m-prometheus-role-models"]
    assert rule["resources"] == ["pods"]
    assert rule["verbs"] == ["get", "list", "watch"]
    for rules in roles.values():
        for one in rules:
            assert not {"secrets", "configmaps"} & set(one["resources"])


def test_kubelets_are_scraped_when_asked_for() -> None:
    seen = made(kubelet=True)
    assert kinds(seen, ":ClusterRole")["m-prometheus-cluster-role"]["rules"][1]["resources"] == ["nodes/metrics"]
    chosen = spec(seen, "Prometheus", "m-prometheus-team")["additionalScrapeConfigs"]
    assert chosen == {"name": prometheus.KUBELET_SECRET, "key": prometheus.KUBELET_KEY}
    assert [one["job_name"] for one in prometheus.kubelet_scrapes("team")] == ["kubelet", "cadvisor"]


def test_the_operator_is_told_the_version_that_runs() -> None:
    seen = made()
    for part in ("prometheus", "alertmanager"):
        found = spec(seen, part.capitalize(), f"m-{part}-team")
        wanted = MONITORING_IMAGES[part]
        assert found["image"] == wanted.reference()
        assert found["version"] == f"v{wanted.tag.removeprefix('v')}"


def test_blocks_leave_room_for_the_log() -> None:
    settings = MonitoringSettings.model_validate({"prometheus": {"storage": "10Gi"}}).prometheus
    assert prometheus.retention_size(settings) == "8192MB"
    settings = MonitoringSettings.model_validate({"prometheus": {"retentionSize": "3GB"}}).prometheus
    assert prometheus.retention_size(settings) == "3GB"


def test_remote_write_is_open_in_the_network_and_has_its_credentials() -> None:
    seen = made(remoteWrite=[{"url": "http://far.example:9009/push", "credentialsSecret": "far"}])
    (written,) = spec(seen, "Prometheus", "m-prometheus-team")["remoteWrite"]
    assert written["basicAuth"]["password"] == {"name": "far", "key": "password"}
    ways = spec(seen, "NetworkPolicy", "m-network-prometheus")["egress"]
    assert 9009 in {port["port"] for way in ways for port in way["ports"]}


COLLECTOR: dict[str, Any] = {
    "enabled": True,
    "logs": {"url": "https://logs.example/otlp", "credentialsSecret": "logs"},
    "traces": {"url": "http://traces.example:4319"},
    "jaeger": True,
}


def document(seen: Seen, name: str) -> dict[str, Any]:
    """The configuration in a ConfigMap."""
    (text,) = kinds(seen, ":ConfigMap")[name]["data"].values()
    return json.loads(text)


def test_the_collector_sends_on_what_it_is_told_and_reads() -> None:
    seen = made(parts={"memory": MEMORY}, collector=COLLECTOR)
    found = document(seen, "m-collector-config")
    pipelines = found["service"]["pipelines"]
    assert pipelines["logs"]["receivers"] == ["otlp", "k8sobjects"]
    assert pipelines["traces"]["exporters"] == ["otlphttp/traces", "otlphttp/jaeger"]
    for one in pipelines.values():
        # Else a burst takes the memory before anything is refused.
        assert one["processors"][0] == "memory_limiter"
        assert set(one["exporters"]) <= set(found["exporters"])
    assert found["exporters"]["otlphttp/jaeger"]["endpoint"] == "http://jaeger.team-monitoring.svc.cluster.local:4318"
    (watched,) = found["receivers"]["k8sobjects"]["objects"]
    assert watched["namespaces"] == ["team-memory", "team-models", "team-monitoring"]
    roles = {name for name in kinds(seen, ":Role") if name.startswith("m-collector-role")}
    assert roles == {"m-collector-role", "m-collector-role-models", "m-collector-role-memory"}
    # The credentials stand in a Secret, and the configuration names a variable.
    (container,) = spec(seen, "Deployment", "m-collector")["template"]["spec"]["containers"]
    (variable,) = [one for one in container["env"] if "valueFrom" in one]
    assert variable["valueFrom"]["secretKeyRef"] == {"name": "logs", "key": "authorization"}
    assert found["exporters"]["otlphttp/logs"]["headers"] == {"Authorization": f"${{env:{variable['name']}}}"}
    assert "headers" not in found["exporters"]["otlphttp/traces"]
    ways = spec(seen, "NetworkPolicy", "m-network-collector")["egress"]
    assert {port["port"] for way in ways for port in way["ports"]} == {443, 4318, 4319, 6443}


def test_logs_are_read_in_a_namespace_where_nothing_else_runs() -> None:
    seen = made(collector=COLLECTOR)
    reader = spec(seen, "DaemonSet", "m-logs-reader")["template"]["spec"]
    (container,) = reader["containers"]
    mounts = {one["name"]: one for one in container["volumeMounts"]}
    (host,) = [one for one in reader["volumes"] if "hostPath" in one]
    assert mounts[host["name"]]["readOnly"] is True
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["resources"]["limits"] == {"cpu": "200m", "memory": "128Mi"}
    assert kinds(seen, ":Namespace")["m-logs-namespace"]["metadata"]["name"] == "team-logs"
    (way,) = spec(seen, "NetworkPolicy", "m-logs-network-log-reader")["egress"]
    assert way["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == "team-monitoring"
    receiver = document(seen, "m-logs-log-reader-config")["receivers"]["filelog"]
    assert receiver["include"] == ["/var/log/pods/team-*_*/*/*.log"]
    assert receiver["exclude"] == ["/var/log/pods/team-logs_*/*/*.log"]
    assert {"PodMonitor m-podmonitor-collector", "PodMonitor m-podmonitor-log-reader"} < own(seen)


def test_traces_alone_need_no_reader_and_no_right() -> None:
    seen = made(collector={"enabled": True, "jaeger": True})
    assert set(document(seen, "m-collector-config")["service"]["pipelines"]) == {"traces"}
    assert not [name for name in own(seen) if "logs" in name or "collector-role" in name]
    (container,) = spec(seen, "Deployment", "m-collector")["template"]["spec"]["containers"]
    assert [one["name"] for one in container["volumeMounts"]] == ["config"]
    ways = spec(seen, "NetworkPolicy", "m-network-collector")["egress"]
    assert [port["port"] for way in ways for port in way["ports"]] == [4318]
    jaeger = document(seen, "m-jaeger-config")
    assert jaeger["service"]["pipelines"]["traces"]["exporters"] == ["jaeger_storage_exporter"]


def test_none_of_it_without_being_asked_for() -> None:
    assert not [name for name in own(made()) if "collector" in name or "jaeger" in name or "logs" in name]


def test_what_is_there_besides_is_watched_and_judged() -> None:
    seen = made(parts={"echo": True, "memory": MEMORY, "backups": False})
    found = own(seen)
    for name in ("echo", "memory-database"):
        assert {f"PodMonitor m-podmonitor-{name}", f"NetworkPolicy m-scrape-{name}"} < found
    assert kinds(seen, ":NetworkPolicy")["m-scrape-memory-database"]["metadata"]["namespace"] == "team-memory"
    assert kinds(seen, ":Role")["m-prometheus-role-memory"]["metadata"]["namespace"] == "team-memory"
    monitor = spec(seen, "PodMonitor", "m-podmonitor-memory-database")
    # The store that services use alone: neither the one that it was restored from, nor a drill's copy.
    assert monitor["selector"]["matchLabels"]["cnpg.io/cluster"] == "memory-2"
    (endpoint,) = monitor["podMetricsEndpoints"]
    trusted = endpoint["tlsConfig"]["ca"]["configMap"]
    assert (endpoint["scheme"], endpoint["tlsConfig"]["serverName"]) == ("https", "metrics.team-memory.svc")
    given = kinds(seen, ":ConfigMap")["m-memory-authority"]
    assert given["metadata"]["name"] == trusted["name"]
    assert given["metadata"]["namespace"] == "team-monitoring"
    assert given["data"] == {trusted["key"]: "an authority"}
    judged = {
        rule.get("alert") for group in spec(seen, "PrometheusRule", "m-prometheusrule-echorator")["groups"]
        for rule in group["rules"]
    }  # fmt: skip
    assert {"EchoDown", "DatabaseDown"} < judged
    assert not judged & {"ArchiveStuck", "BackupLate", "DrillFailed"}


def test_exporters_are_brought_when_asked_for() -> None:
    plain = own(made())
    assert not [one for one in plain if "blackbox" in one or "kube-state" in one or one.startswith("Probe ")]
    models = {"chat": ["smollm2:135m", "all-minilm:22m"]}
    seen = made(parts={"models": models}, kubeStateMetrics=True, probes={"enabled": True})
    found = own(seen)
    assert {"Deployment m-blackbox-exporter", "Deployment m-kube-state-metrics"} < found
    assert len([one for one in found if one.startswith("Probe ")]) == 2
    roles = {name for name in kinds(seen, ":Role") if "kube-state" in name}
    assert roles == {"m-kube-state-metrics-role", "m-kube-state-metrics-role-models"}
    (way,) = spec(seen, "NetworkPolicy", "m-network-blackbox-exporter")["egress"]
    assert way["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] == "team-models"
    (endpoint,) = spec(seen, "PodMonitor", "m-podmonitor-kube-state-metrics")["podMetricsEndpoints"]
    assert endpoint["honorLabels"]
    (endpoint,) = spec(seen, "PodMonitor", "m-podmonitor-replicas")["podMetricsEndpoints"]
    assert not endpoint["honorLabels"]


def test_the_model_that_is_remembered_by_is_asked_for_a_vector() -> None:
    memory = {"embedder": {"model": "all-minilm:22m", "width": 384}}
    models = [{"name": "smollm2:135m"}, {"name": "all-minilm:22m"}]
    config = validate(
        {
            "servers": [{"name": "chat", "class": "small", "models": models}],
            "echo": {"enabled": True, "memory": memory},
            "monitoring": {"enabled": True, "probes": {"enabled": True}},
        }
    )

    def program() -> None:
        cluster = Cluster("c", ClusterArgs(environment="dev", prefix="team"))
        MonitoringStack.of(config, Place(config.all_clusters[0], cluster, None))

    probes = [one["spec"] for one in kinds(deploy(program), ":Probe").values()]
    asked = {one["targets"]["staticConfig"]["static"][0].rpartition("/api/")[2] for one in probes}
    assert asked == {"generate", "embed"}


BY_TLS: dict[str, Any] = {
    "tls": True,
    "kubeStateMetrics": True,
    "probes": {"enabled": True},
    "responder": {"enabled": True},
}
OWN = {
    *("prometheus-operator", "prometheus", "alertmanager"),
    *("node-exporter", "kube-state-metrics", "blackbox-exporter", "responder"),
}


def test_by_tls_everything_is_asked_under_its_name() -> None:
    models = {"chat": ["smollm2:135m"]}
    seen = made(parts={"echo": True, "memory": MEMORY, "models": models}, **BY_TLS)
    monitors = {name.removeprefix("m-podmonitor-"): one["spec"] for name, one in kinds(seen, ":PodMonitor").items()}
    assert set(monitors) == {"replicas", "model-store", "echo", "memory-database", *OWN}
    for part, found in monitors.items():
        (endpoint,) = found["podMetricsEndpoints"]
        (space,) = found["namespaceSelector"]["matchNames"]
        assert endpoint["scheme"] == "https"
        if part != "memory-database":
            assert endpoint["tlsConfig"] == tls.client(part, space)
            # The certificate has that name, and no other part's key is in its Secret.
            held = secrets(seen)[space, tls.secret(part)]
            leaf = x509.load_pem_x509_certificate(held["tls.crt"].encode())
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
            assert f"{part}.{space}.svc" in names.get_values_for_type(x509.DNSName)
            assert yaml.safe_load(held["web.yaml"])["tls_server_config"]["min_version"] == "TLS13"
    given = kinds(seen, ":ConfigMap")["m-metrics-authority"]
    assert given["metadata"] | {"name": tls.AUTHORITY, "namespace": "team-monitoring"} == given["metadata"]
    assert "BEGIN CERTIFICATE" in given["data"]["ca.crt"]
    # Ours tell on a port of their own, which alone is opened.
    for name, port in (("replicas", 9443), ("model-store", 9443), ("echo", 9443)):
        (rule,) = spec(seen, "NetworkPolicy", f"m-scrape-{name}")["ingress"]
        assert [one["port"] for one in rule["ports"]] == [port]
    ways = spec(seen, "NetworkPolicy", "m-network-prometheus")["egress"]
    assert not {5000, 5001, 11436} & {port["port"] for way in ways for port in way["ports"]}
    (question,) = kinds(seen, ":Probe").values()
    assert question["spec"]["prober"]["scheme"] == "https"
    assert question["spec"]["tlsConfig"] == tls.client("blackbox-exporter", "team-monitoring")


def secrets(seen: Seen) -> dict[tuple[str, str], Mapping[str, str]]:
    """Namespace and name of each Secret to its content, without the wrapper that marks it as one."""
    return {
        (one["metadata"]["namespace"], one["metadata"]["name"]): one["stringData"]["value"]
        for one in kinds(seen, ":Secret").values()
        if "value" in one["stringData"]
    }


def test_by_tls_those_that_answer_have_their_certificate_and_probes_that_ask_so() -> None:
    seen = made(**BY_TLS)
    flags = {
        "Deployment m-operator": "--web.enable-tls=true",
        "Deployment m-kube-state-metrics": "--tls-config=/etc/metrics-tls/web.yaml",
        "Deployment m-blackbox-exporter": "--web.config.file=/etc/metrics-tls/web.yaml",
        "DaemonSet m-node-exporter": "--web.config.file=/etc/metrics-tls/web.yaml",
        "Deployment m-responder": "--config",
    }
    for called, flag in flags.items():
        kind, name = called.split()
        pod = spec(seen, kind, name)["template"]["spec"]
        (container,) = pod["containers"]
        assert flag in container["args"], name
        for probe in ("readinessProbe", "livenessProbe"):
            assert container[probe]["httpGet"]["scheme"] == "HTTPS", name
        mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
        assert mounted["metrics-tls"] == "/etc/metrics-tls"
        (volume,) = [one for one in pod["volumes"] if one["name"] == "metrics-tls"]
        assert ("team-monitoring", volume["secret"]["secretName"]) in secrets(seen)
        assert volume["secret"]["defaultMode"] == 0o440
    assert document(seen, "m-responder-config")["tlsFolder"] == "/etc/metrics-tls"
    for part in ("prometheus", "alertmanager"):
        web = spec(seen, part.capitalize(), f"m-{part}-team")["web"]["tlsConfig"]
        assert web["keySecret"] == {"name": f"{part}-metrics-tls", "key": "tls.key"}
        assert web["minVersion"] == "TLS13"
    (told,) = spec(seen, "Prometheus", "m-prometheus-team")["alerting"]["alertmanagers"]
    assert (told["scheme"], told["tlsConfig"]["serverName"]) == ("https", "alertmanager.team-monitoring.svc")
    assert spec(seen, "Alertmanager", "m-alertmanager-team")["configMaps"] == ["metrics-authority"]
    routes = yaml.safe_load(kinds(seen, ":Secret")["m-routes"]["stringData"]["value"]["alertmanager.yaml"])
    (hook,) = next(one for one in routes["receivers"] if one["name"] == "responder")["webhook_configs"]
    assert hook["url"].startswith("https://responder.team-monitoring.svc")
    trusted = hook["http_config"]["tls_config"]
    assert trusted == {
        "ca_file": "/etc/alertmanager/configmaps/metrics-authority/ca.crt",
        "server_name": "responder.team-monitoring.svc",
    }


def test_an_existing_prometheus_gets_whom_to_trust() -> None:
    seen = made(mode="existing", scraperNamespace="theirs", tls=True)
    given = kinds(seen, ":ConfigMap")["m-metrics-authority"]
    assert given["metadata"]["namespace"] == "team-models"
    assert {name for _, name in secrets(seen)} == {"replicas-metrics-tls", "model-store-metrics-tls"}


def test_the_end_of_each_certificate_is_told() -> None:
    seen = made(parts={"memory": MEMORY}, tls=True)
    (group,) = spec(seen, "PrometheusRule", "m-prometheusrule-certificates")["groups"]
    ends = {rule["labels"]["of"]: rule["expr"] for rule in group["rules"]}
    assert ends["memory"] == "vector(1800000000)"
    days = (int(ends["metrics"][7:-1]) - time.time()) / 86400
    assert 364 < days < 366


def test_without_tls_nothing_of_it_is_made() -> None:
    plain: dict[str, Any] = {**BY_TLS, "tls": False}
    seen = made(parts={"echo": True, "memory": MEMORY}, **plain)
    assert not [name for name in own(seen) if "metrics-tls" in name or ("authority" in name and "memory" not in name)]
    assert not [name for kind, name in seen if kind.endswith(":Certificates")]


def asked() -> set[str]:
    """Every expression of rules and dashboards."""
    rules = rule_groups(MonitoringSettings(), {"chat": 2}, {})
    found = {str(rule["expr"]) for group in rules for rule in group["rules"]}
    return found | {text for board in BOARDS for text in re.findall(r'"expr": "(.*?)(?<!\\\\)"', board.text())}


_NAME = re.compile(r"\b(?:prometheus|alertmanager|node|process|blackbox|DCGM)_\w+")


def test_nothing_is_kept_that_nobody_asks_but_all_that_is_asked() -> None:
    names = {name for text in asked() for name in _NAME.findall(re.sub(r"\{[^}]*\}", "", text))}
    assert {"prometheus_tsdb_head_series", "alertmanager_alerts", "node_load5", "DCGM_FI_DEV_GPU_TEMP"} < names
    gpus = {"enabled": True, "mode": "existing", "namespace": "gpu-operator"}
    seen = kinds(made(**BY_TLS, grafana={"enabled": True}, gpuExporter=gpus), ":PodMonitor")
    patterns: dict[str, str] = {}
    for part in scrape.KEPT:
        (endpoint,) = seen[f"m-podmonitor-{part}"]["spec"]["podMetricsEndpoints"]
        (rule,) = endpoint["metricRelabelings"]
        assert (rule["sourceLabels"], rule["action"]) == (["__name__"], "keep")
        patterns[part] = rule["regex"]
        assert not re.fullmatch(rule["regex"], "go_gc_duration_seconds")
    assert not [name for name in names if not any(re.fullmatch(one, name) for one in patterns.values())]
