"""What is scraped: one object for each kind of target."""

from dataclasses import dataclass
from typing import Any

from components.labels import selector_labels
from components.monitoring import names
from components.registries import STORE_PORT
from replica_agent.ports import AGENT_PORT

AGENTS = "replicas"
STORE = "model-store"


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
    """

    name: str
    job: str
    namespace: str
    selected: dict[str, str]
    port: str
    port_number: int
    server: bool = False

    def spec(self) -> dict[str, Any]:
        """Of the PodMonitor."""
        relabelings: list[dict[str, Any]] = [{"targetLabel": "job", "replacement": self.job, "action": "replace"}]
        if self.server:
            relabelings += [
                {"sourceLabels": [f"__meta_kubernetes_pod_label_app_kubernetes_io_{source}"], "targetLabel": target}
                for source, target in (("instance", "server"), ("component", "role"))
            ]
        return {
            "namespaceSelector": {"matchNames": [self.namespace]},
            "selector": {"matchLabels": self.selected},
            "podMetricsEndpoints": [
                {"port": self.port, "path": "/metrics", "relabelings": relabelings, "honorLabels": False}
            ],
        }


def models(prefix: str, *, store: bool) -> list[Monitor]:
    """What runs in the namespace for models: replicas (readers and writers) and the store."""
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
    return [agents, kept] if store else [agents]


def own(prefix: str, *, node_exporter: bool, responder: bool) -> list[Monitor]:
    """The monitoring stack itself."""
    namespace = names.namespace_of(prefix)

    def part(name: str, port: str, number: int, selected: dict[str, str]) -> Monitor:
        return Monitor(name, name, namespace, selected, port, number)

    found = [
        part(names.OPERATOR, "http", names.OPERATOR_PORT, names.selector(names.OPERATOR, prefix)),
        part(names.PROMETHEUS, "web", names.PROMETHEUS_PORT, names.operated(names.PROMETHEUS)),
        part(names.ALERTMANAGER, "web", names.ALERTMANAGER_PORT, names.operated(names.ALERTMANAGER)),
    ]
    if node_exporter:
        chosen = names.selector(names.NODE_EXPORTER, prefix)
        found.append(part(names.NODE_EXPORTER, "http", names.NODE_EXPORTER_PORT, chosen))
    if responder:
        found.append(part(names.RESPONDER, "http", names.RESPONDER_PORT, names.selector(names.RESPONDER, prefix)))
    return found
