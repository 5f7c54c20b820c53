"""Names, labels and ports that the parts of the monitoring stack know each other by."""

from typing import Any

from components.labels import labels, namespace_labels, selector_labels

PROMETHEUS_PORT = 9090
ALERTMANAGER_PORT = 9093
MESH_PORT = 9094
"""Alertmanagers tell each other what they have sent."""
NODE_EXPORTER_PORT = 9100
OPERATOR_PORT = 8080
RELOADER_PORT = 8080
RESPONDER_PORT = 8080
BLACKBOX_PORT = 9115
KUBE_STATE_PORT = 8080
KUBELET_PORT = 10250
OTLP_PORT = 4318
COLLECTOR_METRICS_PORT = 8888
COLLECTOR_HEALTH_PORT = 13133
JAEGER_PORT = 16686
GRAFANA_PORT = 3000
GPU_EXPORTER_PORT = 9400

METRICS_CLIENT = "echorator.dev/metrics-client"
"""A pod with this label set to "true", in one of the stack's namespaces, may ask Prometheus and Alertmanager."""

PROMETHEUS = "prometheus"
ALERTMANAGER = "alertmanager"
OPERATOR = "prometheus-operator"
NODE_EXPORTER = "node-exporter"
RESPONDER = "responder"
BLACKBOX = "blackbox-exporter"
KUBE_STATE = "kube-state-metrics"
COLLECTOR = "collector"
LOG_READER = "log-reader"
JAEGER = "jaeger"
GRAFANA = "grafana"
GPU_EXPORTER = "gpu-exporter"


def namespace_of(prefix: str) -> str:
    """Where the monitoring stack runs."""
    return f"{prefix}-monitoring"


def logs_namespace_of(prefix: str) -> str:
    """Where what reads logs from the nodes runs, and nothing else."""
    return f"{prefix}-logs"


def gpus_namespace_of(prefix: str) -> str:
    """Where what asks the GPUs runs, and nothing else."""
    return f"{prefix}-gpus"


def service_url(part: str, prefix: str, port: int) -> str:
    """Of a part's Service in the monitoring namespace."""
    return f"http://{part}.{namespace_of(prefix)}.svc.cluster.local:{port}"


def selector(part: str, prefix: str) -> dict[str, str]:
    """Selects the pods of one part.

    The operator sets `instance` of the pods that it makes to the name of their object, which is therefore the prefix.
    """
    return selector_labels(name=part, instance=prefix, component="monitoring")


def operated(part: str) -> dict[str, str]:
    """Selects pods that the operator makes, in the monitoring namespace."""
    return {"app.kubernetes.io/name": part, "app.kubernetes.io/managed-by": OPERATOR}


def object_labels(part: str, prefix: str, version: str | None = None) -> dict[str, str]:
    """Labels of the objects of one part; Prometheus selects monitors and rules by them."""
    return labels(name=part, instance=prefix, component="monitoring", version=version)


def monitor_selector(prefix: str) -> dict[str, str]:
    """By which the Prometheus that we bring finds our monitors and rules."""
    return {"app.kubernetes.io/instance": prefix, "app.kubernetes.io/component": "monitoring"}


def scraper(prefix: str) -> dict[str, object]:
    """The Prometheus that we bring, as a peer in a network policy of any namespace."""
    space = {**namespace_labels(prefix), "kubernetes.io/metadata.name": namespace_of(prefix)}
    return {
        "namespaceSelector": {"matchLabels": space},
        "podSelector": {"matchLabels": operated(PROMETHEUS)},
    }


ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOKEN_S = 3600


def token_volume() -> dict[str, Any]:
    """The service account's token for one container alone, instead of for all of a pod, and for an hour."""
    sources = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": _TOKEN_S}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    return {"name": "api-access", "projected": {"sources": sources}}


def token_mount() -> dict[str, Any]:
    """Where client libraries look for it."""
    return {"name": "api-access", "mountPath": ACCOUNT, "readOnly": True}
