"""Prometheus, as the operator's object, and what it may read."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from components import pod_security, workload
from components.cluster_baseline import Demand
from components.monitoring import names, tls
from components.quantity import format_bytes, parse_bytes
from components.settings.monitoring import PrometheusSettings, RemoteWriteSettings
from components.sizes import Size

KUBELET_SECRET = "prometheus-kubelets"  # noqa: S105
KUBELET_KEY = "scrape.yaml"
SAMPLE_LIMIT = 20_000
"""Series of one target: one that goes wild loses its own samples, not everybody's."""


def size(settings: PrometheusSettings) -> Size:
    """Of one replica: half of its memory is asked for, as most of the rest is a cache of what was just queried."""
    half = format_bytes(parse_bytes(settings.memory) / 2)
    return Size(cpu="100m", cpu_limit="2", memory=half, memory_limit=settings.memory, storage=settings.storage)


def demand(settings: PrometheusSettings) -> Demand:
    """Of all replicas, their reloaders included."""
    base = size(settings).demand(settings.replicas)
    return Demand(
        pods=base.pods,
        cpu=base.cpu + Fraction(1, 100) * base.pods,
        memory=base.memory + 48 * 2**20 * base.pods,
        memory_limit=base.memory_limit + 128 * 2**20 * base.pods,
        storage=base.storage,
    )


def retention_size(settings: PrometheusSettings) -> str:
    """Prometheus' own spelling of a size: what is kept leaves room for the log that is written first."""
    if settings.retention_size is not None:
        return settings.retention_size
    return f"{max(1, int(parse_bytes(settings.storage) * 4 / 5) // 2**20)}MB"


def read_rules(*, own: bool) -> list[dict[str, Any]]:
    """Of its Role in a namespace: targets are found by listing pods, in its own namespace services too."""
    verbs = ["get", "list", "watch"]
    rules: list[dict[str, Any]] = [{"apiGroups": [""], "resources": ["pods"], "verbs": verbs}]
    if own:
        rules += [
            {"apiGroups": [""], "resources": ["services", "endpoints"], "verbs": verbs},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs},
        ]
    return rules


def kubelet_rules() -> list[dict[str, Any]]:
    """Of its ClusterRole where kubelets are scraped."""
    return [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["nodes/metrics"], "verbs": ["get"]},
    ]


def kubelet_scrapes(prefix: str) -> list[dict[str, Any]]:
    """Scrapes that the operator has no object for: the kubelet asks for our token, which is a file.

    Of the containers only what the rules and dashboards use is kept: a kubelet tells of everything on its node.
    """
    common: dict[str, Any] = {
        "scheme": "https",
        "kubernetes_sd_configs": [{"role": "node"}],
        "authorization": {"credentials_file": f"{names.ACCOUNT}/token"},
        "tls_config": {"ca_file": f"{names.ACCOUNT}/ca.crt"},
        "sample_limit": SAMPLE_LIMIT,
    }
    node = {"source_labels": ["__meta_kubernetes_node_name"], "target_label": "node"}
    ours = {"source_labels": ["namespace"], "regex": f"({prefix}-.*|)", "action": "keep"}
    return [
        {
            **common,
            "job_name": "kubelet",
            "metrics_path": "/metrics",
            "relabel_configs": [node],
            "metric_relabel_configs": [
                {
                    "source_labels": ["__name__"],
                    "regex": "kubelet_volume_stats_.*|kubelet_running_(pods|containers)|kubelet_node_name",
                    "action": "keep",
                },
                ours,
            ],
        },
        {
            **common,
            "job_name": "cadvisor",
            "metrics_path": "/metrics/cadvisor",
            "relabel_configs": [node],
            "metric_relabel_configs": [
                {
                    "source_labels": ["__name__"],
                    "regex": "container_(memory_working_set_bytes|cpu_usage_seconds_total|oom_events_total"
                    "|spec_memory_limit_bytes|cpu_cfs_throttled_periods_total|cpu_cfs_periods_total)",
                    "action": "keep",
                },
                ours,
                {"regex": "id|image|name", "action": "labeldrop"},
            ],
        },
    ]


def _remote_write(one: RemoteWriteSettings) -> dict[str, Any]:
    found: dict[str, Any] = {"url": one.url}
    if one.credentials_secret is not None:
        found["basicAuth"] = {key: {"name": one.credentials_secret, "key": key} for key in ("username", "password")}
    return found


def _alertmanager(prefix: str, *, by_tls: bool) -> dict[str, Any]:
    space = names.namespace_of(prefix)
    found = {"namespace": space, "name": "alertmanager-operated", "port": "web"}
    if not by_tls:
        return found
    return {**found, "scheme": "https", "tlsConfig": tls.client(names.ALERTMANAGER, space)}


def spec(
    prefix: str,
    settings: PrometheusSettings,
    *,
    image: str,
    version: str,
    storage_class: str | None,
    remote_write: Sequence[RemoteWriteSettings] = (),
    kubelets: bool = False,
    by_tls: bool = False,
) -> dict[str, Any]:
    """Of the Prometheus object.

    Args:
        prefix: of the stack.
        settings: sizes and times.
        image: of the server.
        version: of the server, such as `v3.5.0`; the operator writes the configuration for it.
        storage_class: None for the cluster's default.
        remote_write: where samples go besides.
        kubelets: the Secret with the kubelets' scrapes is there.
        by_tls: it answers by TLS, and Alertmanager does.
    """
    chosen = {"matchLabels": names.monitor_selector(prefix)}
    found: dict[str, Any] = {
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "version": version,
        "replicas": settings.replicas,
        "retention": settings.retention,
        "retentionSize": retention_size(settings),
        "scrapeInterval": f"{settings.scrape_seconds}s",
        "scrapeTimeout": f"{min(10, settings.scrape_seconds)}s",
        "evaluationInterval": f"{settings.scrape_seconds}s",
        "externalLabels": {"stack": prefix},
        "serviceAccountName": names.PROMETHEUS,
        "automountServiceAccountToken": False,
        "volumes": [names.token_volume()],
        "volumeMounts": [names.token_mount()],
        "podMetadata": {"labels": {"app.kubernetes.io/part-of": "echorator"}},
        **pods(size(settings), names.operated(names.PROMETHEUS)),
        "storage": {
            "volumeClaimTemplate": {"spec": workload.claim_spec(settings.storage, storage_class, "ReadWriteOnce")}
        },
        "serviceMonitorSelector": chosen,
        "podMonitorSelector": chosen,
        "probeSelector": chosen,
        "ruleSelector": chosen,
        # A monitor cannot have Prometheus read its files, such as its token, and send them to a target.
        "arbitraryFSAccessThroughSMs": {"deny": True},
        "enforcedSampleLimit": SAMPLE_LIMIT,
        "alerting": {"alertmanagers": [_alertmanager(prefix, by_tls=by_tls)]},
        **(tls.web(names.PROMETHEUS) if by_tls else {}),
        "logFormat": "json",
    }
    if remote_write:
        found["remoteWrite"] = [_remote_write(one) for one in remote_write]
    if kubelets:
        found["additionalScrapeConfigs"] = {"name": KUBELET_SECRET, "key": KUBELET_KEY}
    return found


def pods(size: Size, selected: Mapping[str, str]) -> dict[str, Any]:
    """What the operator's two kinds of pods have in common."""
    return {
        "securityContext": pod_security.POD,
        "resources": size.resources(),
        "topologySpreadConstraints": workload.spread(dict(selected)),
    }
