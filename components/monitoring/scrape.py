"""What is scraped: one object for each kind of target."""

from dataclasses import dataclass, replace
from typing import Any

from components.labels import selector_labels
from components.memory import names as memory_names
from components.monitoring import gpu_exporter, names
from components.monitoring import tls as by_tls
from components.registries import STORE_PORT
from components.settings.monitoring import MonitoringSettings
from echo.ports import INTERNAL_PORT
from replica_agent.ports import AGENT_PORT, METRICS_PORT

AGENTS = "replicas"
STORE = "model-store"
ECHO = "echo"
MEMORY = "memory-database"
MEMORY_AUTHORITY = "memory-authority"
"""ConfigMap beside the monitors: whom they trust for the database's certificate."""
AUTHORITY_KEY = by_tls.AUTHORITY_KEY


_PROCESS = "process_(cpu_seconds_total|max_fds|open_fds|resident_memory_bytes|start_time_seconds)"
KEPT = {
    names.PROMETHEUS: "prometheus_(build_info|config_last_reload_successful|notifications_(dropped|errors|sent)_total"
    "|remote_storage_(bytes|samples_dropped|samples_failed|samples|samples_pending|samples_retried)(_total)?"
    "|rule_(evaluation_failures_total|group_last_duration_seconds)|target_scrapes_exceeded_sample_limit_total"
    "|tsdb_(compactions_failed_total|head_samples_appended_total|head_series|retention_limit_bytes"
    "|storage_blocks_bytes|wal_corruptions_total))",
    names.ALERTMANAGER: "alertmanager_(alerts|build_info|cluster_members|config_last_reload_successful"
    "|notifications_(failed_)?total)",
    names.OPERATOR: "prometheus_operator_(build_info|ready|reconcile_errors_total|reconcile_operations_total|syncs)",
    # Of these its collectors are chosen already.
    names.NODE_EXPORTER: "node_.*",
    names.BLACKBOX: "blackbox_(exporter_config_last_reload_successful|module_unknown_total)",
    # Nobody asks for more than whether it is there.
    names.GRAFANA: "grafana_build_info",
    names.GPU_EXPORTER: "|".join(counter for counter, _, _ in gpu_exporter.COUNTERS),
}
"""Part of others to what is kept of the metrics that it has of itself: what rules and dashboards ask, and little more.
The rest is for those who write these programs."""


@dataclass(frozen=True)
class Encrypted:
    """A target that tells by TLS.

    Attributes:
        authority: ConfigMap in the monitor's namespace with the authority that signed its certificate.
        host: in the certificate; pods are found by addresses, which it does not have.
    """

    authority: str
    host: str

    def endpoint(self) -> dict[str, Any]:
        """Of the PodMonitor's endpoint."""
        ca = {"configMap": {"name": self.authority, "key": AUTHORITY_KEY}}
        return {"scheme": "https", "tlsConfig": {"ca": ca, "serverName": self.host}}


@dataclass(frozen=True)
class Monitor:
    """A PodMonitor: pods of one kind, and the port whose `/metrics` they tell on.

    Attributes:
        name: of the object.
        job: value of the label `job`.
        namespace: where the pods are.
        selected: their labels.
        port: name of the port.
        server: put the label `instance` of the pods into the label `server`, and `component` into `role`.
        port_number: of the pods, for network policies.
        honour: what the target says of namespace, pod and container is about others, and counts.
        encrypted: by TLS; None for plain HTTP.
        kept: pattern of the names of metrics; None keeps all.
        foreign: in a namespace that is not the stack's.
    """

    name: str
    job: str
    namespace: str
    selected: dict[str, str]
    port: str
    port_number: int
    server: bool = False
    honour: bool = False
    encrypted: Encrypted | None = None
    kept: str | None = None
    foreign: bool = False

    def spec(self) -> dict[str, Any]:
        """Of the PodMonitor."""
        relabelings: list[dict[str, Any]] = [{"targetLabel": "job", "replacement": self.job, "action": "replace"}]
        if self.server:
            relabelings += [
                {"sourceLabels": [f"__meta_kubernetes_pod_label_app_kubernetes_io_{source}"], "targetLabel": target}
                for source, target in (("instance", "server"), ("component", "role"))
            ]
        endpoint: dict[str, Any] = {
            "port": self.port,
            "path": "/metrics",
            "relabelings": relabelings,
            "honorLabels": self.honour,
            **(self.encrypted.endpoint() if self.encrypted is not None else {}),
            **({"metricRelabelings": [_keep(self.kept)]} if self.kept is not None else {}),
        }
        return {
            "namespaceSelector": {"matchNames": [self.namespace]},
            "selector": {"matchLabels": self.selected},
            "podMetricsEndpoints": [endpoint],
        }


def _keep(pattern: str) -> dict[str, Any]:
    return {"sourceLabels": ["__name__"], "regex": pattern, "action": "keep"}


def _encrypted(one: Monitor) -> Monitor:
    return replace(one, encrypted=Encrypted(by_tls.AUTHORITY, by_tls.host(one.name, one.namespace)))


def _apart(one: Monitor) -> Monitor:
    """By TLS a service of ours tells on a port of its own: the plain one has clients that do not know its authority."""
    return _encrypted(replace(one, port=by_tls.PORT, port_number=METRICS_PORT))


def stack(prefix: str, *, store: bool, echo: bool, memory: str | None, tls: bool = False) -> list[Monitor]:
    """What the stack is there for: replicas (readers and writers), the store, the echo service, the memory.

    Args:
        prefix: of the stack.
        store: whether there is a model store.
        echo: whether there is an echo service.
        memory: name of the memory's store, whose database tells by TLS in any case; None where there is none.
        tls: whether the others do.
    """
    namespace = f"{prefix}-models"
    agents = Monitor(
        AGENTS,
        "ollama",
        namespace,
        {"app.kubernetes.io/name": "ollama", "app.kubernetes.io/part-of": "echorator"},
        "agent",
        AGENT_PORT,
        server=True,
    )
    kept = Monitor(
        STORE,
        "model-store",
        namespace,
        selector_labels(name="model-store", instance=prefix, component="registry"),
        "http",
        STORE_PORT,
    )
    asked = Monitor(
        ECHO,
        "echo",
        namespace,
        selector_labels(name="echo", instance=prefix, component="engine"),
        "internal",
        INTERNAL_PORT,
    )
    ours = [one for one, there in ((agents, True), (kept, store), (asked, echo)) if there]
    return [*(map(_apart, ours) if tls else ours), *([] if memory is None else [_database(prefix, memory)])]


def _database(prefix: str, store: str) -> Monitor:
    space = memory_names.namespace(prefix)
    return Monitor(
        MEMORY,
        MEMORY,
        space,
        # An older store beside it, or a drill's copy, would answer in its place, or be missed when it goes.
        memory_names.store_pods(prefix, store),
        "metrics",
        memory_names.METRICS_PORT,
        # Any name of the namespace is in the certificate.
        encrypted=Encrypted(MEMORY_AUTHORITY, f"metrics.{space}.svc"),
    )


def own(prefix: str, settings: MonitoringSettings, *, tls: bool = False) -> list[Monitor]:
    """The monitoring stack itself; `tls`: all of it but the collectors, which tell in plain text alone."""
    namespace = names.namespace_of(prefix)

    def part(name: str, port: str, number: int, selected: dict[str, str]) -> Monitor:
        kept = f"{_PROCESS}|{KEPT[name]}" if name in KEPT else None
        return Monitor(name, name, namespace, selected, port, number, kept=kept)

    found = [
        part(names.OPERATOR, "http", names.OPERATOR_PORT, names.selector(names.OPERATOR, prefix)),
        part(names.PROMETHEUS, "web", names.PROMETHEUS_PORT, names.operated(names.PROMETHEUS)),
        part(names.ALERTMANAGER, "web", names.ALERTMANAGER_PORT, names.operated(names.ALERTMANAGER)),
    ]
    for name, number, wanted in (
        (names.NODE_EXPORTER, names.NODE_EXPORTER_PORT, settings.node_exporter),
        (names.RESPONDER, names.RESPONDER_PORT, settings.responder.enabled),
        (names.BLACKBOX, names.BLACKBOX_PORT, settings.probes.enabled),
        (names.KUBE_STATE, names.KUBE_STATE_PORT, settings.kube_state_metrics),
        (names.GRAFANA, names.GRAFANA_PORT, settings.grafana.enabled),
    ):
        if wanted:
            one = part(name, "http", number, names.selector(name, prefix))
            found.append(replace(one, honour=name == names.KUBE_STATE))
    gpus = settings.gpu_exporter
    # What it says of namespace, pod and container is about whose GPU it is.
    exporter = replace(
        part(names.GPU_EXPORTER, "metrics", names.GPU_EXPORTER_PORT, names.selector(names.GPU_EXPORTER, prefix)),
        namespace=names.gpus_namespace_of(prefix),
        honour=True,
    )
    if gpus.enabled and gpus.mode == "bring":
        found.append(exporter)
    if tls:
        found = [_encrypted(one) for one in found]
    if gpus.enabled and gpus.namespace is not None:
        found.append(replace(exporter, namespace=gpus.namespace, selected=dict(gpus.labels), foreign=True))
    if settings.collector.enabled:
        port = names.COLLECTOR_METRICS_PORT
        found.append(part(names.COLLECTOR, "metrics", port, names.selector(names.COLLECTOR, prefix)))
        if settings.collector.logs is not None:
            reader = part(names.LOG_READER, "metrics", port, names.selector(names.LOG_READER, prefix))
            found.append(replace(reader, namespace=names.logs_namespace_of(prefix)))
    return found
