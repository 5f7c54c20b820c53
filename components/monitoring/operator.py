"""The Prometheus Operator: a Deployment that sees its own namespace, and what it may do there."""

from typing import Any

from components import pod_security, workload
from components.monitoring import names, tls
from components.sizes import Size

SIZE = Size(cpu="50m", cpu_limit="500m", memory="96Mi", memory_limit="256Mi", storage="0")

_OWN = "monitoring.coreos.com"
_KINDS = ("alertmanagers", "prometheuses")
_READ_KINDS = ("alertmanagerconfigs", "podmonitors", "probes", "prometheusrules", "scrapeconfigs", "servicemonitors")
_WRITE = ["create", "delete", "get", "list", "patch", "update", "watch"]


def rules() -> list[dict[str, Any]]:
    """Of its Role in the monitoring namespace.

    It writes StatefulSets and reads Secrets there, since that is its work: Prometheus' configuration is a Secret. No
    other namespace is open to it, and nothing but monitoring runs in this one.
    """
    return [
        {
            "apiGroups": [_OWN],
            "resources": [*_KINDS, *(f"{kind}/finalizers" for kind in _KINDS), *(f"{kind}/status" for kind in _KINDS)],
            "verbs": ["get", "list", "patch", "update", "watch"],
        },
        {
            "apiGroups": [_OWN],
            "resources": [*_READ_KINDS, *(f"{kind}/status" for kind in _READ_KINDS)],
            "verbs": ["get", "list", "patch", "update", "watch"],
        },
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": [*_WRITE, "deletecollection"]},
        {"apiGroups": [""], "resources": ["configmaps", "secrets"], "verbs": [*_WRITE, "deletecollection"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete", "list"]},
        {"apiGroups": [""], "resources": ["services", "services/finalizers"], "verbs": _WRITE},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
        {"apiGroups": [""], "resources": ["events"], "verbs": ["create", "patch"]},
    ]


def cluster_rules() -> list[dict[str, Any]]:
    """Of its ClusterRole: it looks up its namespace and the storage class of a volume."""
    return [
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["storage.k8s.io"], "resources": ["storageclasses"], "verbs": ["get"]},
    ]


def deployment(prefix: str, *, image: str, reloader: str, by_tls: bool = False) -> dict[str, Any]:
    """One replica: another one would do the same work a second time.

    Args:
        prefix: of the stack.
        image: the operator's.
        reloader: image of the sidecar that it puts into its pods.
        by_tls: it tells by TLS; it has flags of its own for it.
    """
    chosen = names.selector(names.OPERATOR, prefix)
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "timeoutSeconds": 5}
    container = {
        "name": "operator",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            f"--namespaces={names.namespace_of(prefix)}",
            f"--prometheus-config-reloader={reloader}",
            "--config-reloader-cpu-request=5m",
            "--config-reloader-cpu-limit=200m",
            "--config-reloader-memory-request=24Mi",
            "--config-reloader-memory-limit=64Mi",
            # Only Prometheus is let in.
            f"--web.enable-tls={str(by_tls).lower()}",
            f"--web.listen-address=:{names.OPERATOR_PORT}",
            "--log-format=json",
        ],
        "env": [{"name": "GOGC", "value": "30"}],
        "ports": [{"name": "http", "containerPort": names.OPERATOR_PORT, "protocol": "TCP"}],
        "readinessProbe": {**probe, "periodSeconds": 2, "failureThreshold": 3},
        "livenessProbe": {**probe, "periodSeconds": 20, "failureThreshold": 3},
        "resources": SIZE.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [names.token_mount()],
    }
    found = {
        "replicas": 1,
        "selector": {"matchLabels": chosen},
        # Two of them at once would write the same objects.
        "strategy": {"type": "Recreate"},
        "template": {
            "metadata": {"labels": names.object_labels(names.OPERATOR, prefix)},
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": names.OPERATOR,
                "topologySpreadConstraints": workload.spread(chosen),
                "containers": [container],
                "volumes": [names.token_volume()],
            },
        },
    }
    if not by_tls:
        return found
    files = (f"--web.cert-file={tls.FOLDER}/{tls.CERTIFICATE}", f"--web.key-file={tls.FOLDER}/{tls.KEY}")
    return tls.secured_workload(names.OPERATOR, found, *files, "--web.tls-min-version=VersionTLS13")
