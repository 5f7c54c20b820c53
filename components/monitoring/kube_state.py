"""kube-state-metrics: what the cluster's objects say, of our own namespaces alone."""

from collections.abc import Sequence
from typing import Any

from components import pod_security, workload
from components.monitoring import names
from components.sizes import Size

SIZE = Size(cpu="10m", cpu_limit="200m", memory="48Mi", memory_limit="128Mi", storage="0")

RESOURCES = {
    "": ("persistentvolumeclaims", "pods", "resourcequotas"),
    "apps": ("daemonsets", "deployments", "statefulsets"),
    "batch": ("cronjobs", "jobs"),
}
"""API group to what is listed of it; nothing of it holds a secret."""

_KEPT = (
    "kube_cronjob_status_last_successful_time",
    "kube_daemonset_status_(desired_number_scheduled|number_ready)",
    "kube_deployment_(spec_replicas|status_replicas_ready)",
    "kube_job_status_failed",
    "kube_persistentvolumeclaim_(resource_requests_storage_bytes|status_phase)",
    "kube_pod_container_status_(restarts_total|waiting_reason)",
    "kube_pod_container_status_last_terminated_reason",
    "kube_pod_status_(phase|unschedulable)",
    "kube_resourcequota",
    "kube_statefulset_(replicas|status_replicas_ready)",
)


def rules() -> list[dict[str, Any]]:
    """Of its Role in each namespace."""
    return [
        {"apiGroups": [group], "resources": list(found), "verbs": ["list", "watch"]}
        for group, found in RESOURCES.items()
    ]


def deployment(prefix: str, namespaces: Sequence[str], *, image: str) -> dict[str, Any]:
    """One replica: another one would tell the same a second time.

    Args:
        prefix: of the stack.
        namespaces: that it tells of.
        image: of the exporter.
    """
    chosen = names.selector(names.KUBE_STATE, prefix)
    get = {"httpGet": {"path": "/healthz", "port": "http"}, "timeoutSeconds": 5}
    listed = sorted(one for found in RESOURCES.values() for one in found)
    container = {
        "name": names.KUBE_STATE,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            f"--namespaces={','.join(namespaces)}",
            f"--resources={','.join(listed)}",
            f"--metric-allowlist={','.join(_KEPT)}",
            f"--port={names.KUBE_STATE_PORT}",
            # Of itself, for itself: nobody asks.
            "--telemetry-host=127.0.0.1",
            "--telemetry-port=8081",
        ],
        "ports": [{"name": "http", "containerPort": names.KUBE_STATE_PORT, "protocol": "TCP"}],
        "readinessProbe": {**get, "periodSeconds": 5},
        "livenessProbe": {**get, "periodSeconds": 30},
        "resources": SIZE.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [names.token_mount()],
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": chosen},
        "template": {
            "metadata": {"labels": names.object_labels(names.KUBE_STATE, prefix)},
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": names.KUBE_STATE,
                "topologySpreadConstraints": workload.spread(chosen),
                "containers": [container],
                "volumes": [names.token_volume()],
            },
        },
    }
