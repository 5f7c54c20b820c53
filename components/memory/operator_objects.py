"""CloudNativePG's operator, for one namespace: what it runs as, and what it may do.

The release's own manifest gives it every Secret of the cluster and webhooks that hold up all namespaces while it is
away. Here it works in the memory's namespace alone: roles are namespaced, but for two kinds that it only reads, and
there are no webhooks. What those check is checked by the settings and by the definitions' schemas.
"""

from typing import Any

from components import pod_security, workload
from components.memory import names
from components.sizes import Size

SIZE = Size(cpu="50m", cpu_limit="1", memory="128Mi", memory_limit="256Mi", storage="0")

_CERTIFICATE = "/run/certificate"
_ACCESS = "/var/run/secrets/kubernetes.io/serviceaccount"
# Where client libraries look for it; a token of its own ends after an hour, and the kubelet renews it.
_ACCESS_SOURCES = [
    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3600}},
    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
    {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
]
_READ = ["get", "list", "watch"]
_GROUP = "postgresql.cnpg.io"


def role() -> list[dict[str, Any]]:
    """Rules in the memory's namespace.

    It must hold what it hands on to the database's pods, whose role it writes: the API server lets nobody grant more.
    """

    def rule(group: str, resources: list[str], verbs: list[str]) -> dict[str, Any]:
        return {"apiGroups": [group], "resources": resources, "verbs": verbs}

    return [
        rule("", ["configmaps", "secrets", "services"], [*_READ, "create", "update", "patch", "delete"]),
        rule("", ["configmaps/status", "secrets/status"], ["get", "patch", "update"]),
        rule("", ["events"], ["create", "patch"]),
        rule("", ["persistentvolumeclaims", "pods"], [*_READ, "create", "patch", "delete"]),
        rule("", ["pods/status"], ["get"]),
        # A backup is begun by a command in the database's pod.
        rule("", ["pods/exec"], ["create", "get"]),
        rule("", ["serviceaccounts"], [*_READ, "create", "patch", "update"]),
        rule("apps", ["deployments"], _READ),
        rule("batch", ["jobs"], [*_READ, "create", "patch", "delete"]),
        rule("coordination.k8s.io", ["leases"], ["get", "create", "update"]),
        # Where these are known to the cluster, it looks for one of the database's own before it makes any pod.
        rule("monitoring.coreos.com", ["podmonitors"], _READ),
        rule("policy", ["poddisruptionbudgets"], [*_READ, "create", "update", "patch", "delete"]),
        rule(
            _GROUP,
            ["backups", "clusters", "databases", "poolers", "publications", "scheduledbackups", "subscriptions"],
            [*_READ, "create", "update", "patch", "delete"],
        ),
        rule(
            _GROUP,
            [
                *("backups/status", "clusters/status", "databases/status", "failoverquorums/status"),
                *("poolers/status", "publications/status", "scheduledbackups/status", "subscriptions/status"),
            ],
            ["get", "patch", "update", "watch"],
        ),
        rule(_GROUP, ["imagecatalogs"], _READ),
        rule(_GROUP, ["clusters/finalizers", "poolers/finalizers"], ["update"]),
        rule(_GROUP, ["failoverquorums"], [*_READ, "create", "delete"]),
        rule("rbac.authorization.k8s.io", ["roles", "rolebindings"], [*_READ, "create", "patch", "update"]),
    ]


def cluster_role() -> list[dict[str, Any]]:
    """Rules over the whole cluster: two kinds that belong to no namespace, to look at."""
    return [
        {"apiGroups": [""], "resources": ["nodes"], "verbs": _READ},
        {"apiGroups": [_GROUP], "resources": ["clusterimagecatalogs"], "verbs": _READ},
    ]


def deployment(
    *, prefix: str, image: str, account: str, priority: str, certificate: str, replicas: int
) -> dict[str, Any]:
    """The operator.

    Args:
        prefix: the stack's.
        image: also copied into the database's pods, whose first process it is.
        account: service account.
        priority: name of the priority class.
        certificate: Secret for its HTTPS port, which only the kubelet asks.
        replicas: one leads.
    """
    chosen = names.operator_labels(prefix)
    probe = {"httpGet": {"path": "/readyz", "port": "https", "scheme": "HTTPS"}, "timeoutSeconds": 5}
    environment = {
        "OPERATOR_IMAGE_NAME": image,
        "WATCH_NAMESPACE": names.namespace(prefix),
        "WEBHOOK_CERT_DIR": _CERTIFICATE,
        # A newer operator replaces the program in the database's pods without a switch of the primary.
        "ENABLE_INSTANCE_MANAGER_INPLACE_UPDATES": "true",
        "INHERITED_LABELS": "app.kubernetes.io/*",
    }
    container = {
        "name": "manager",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["/manager"],
        "args": [
            "controller",
            "--leader-elect",
            "--max-concurrent-reconciles=10",
            f"--webhook-port={names.OPERATOR_PORT}",
        ],
        "env": [
            *({"name": name, "value": value} for name, value in environment.items()),
            {"name": "OPERATOR_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}},
        ],
        "ports": [
            {"name": "metrics", "containerPort": names.OPERATOR_METRICS_PORT, "protocol": "TCP"},
            {"name": "https", "containerPort": names.OPERATOR_PORT, "protocol": "TCP"},
        ],
        "startupProbe": {**probe, "periodSeconds": 1, "failureThreshold": 120},
        "readinessProbe": {**probe, "periodSeconds": 10},
        "livenessProbe": {**probe, "periodSeconds": 20},
        "resources": SIZE.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [
            {"name": "scratch", "mountPath": "/controller"},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108
            {"name": "certificate", "mountPath": _CERTIFICATE, "readOnly": True},
            {"name": "api-access", "mountPath": _ACCESS, "readOnly": True},
        ],
    }
    return {
        "replicas": replicas,
        "selector": {"matchLabels": chosen},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
        "template": {
            "metadata": {"labels": names.operator_object_labels(prefix)},
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": account,
                "priorityClassName": priority,
                "terminationGracePeriodSeconds": 10,
                "topologySpreadConstraints": workload.spread(chosen),
                "containers": [container],
                "volumes": [
                    {"name": "scratch", "emptyDir": {"sizeLimit": "64Mi"}},
                    workload.temporary_volume("64Mi"),
                    {"name": "certificate", "secret": {"secretName": certificate, "defaultMode": 0o440}},
                    {"name": "api-access", "projected": {"sources": _ACCESS_SOURCES}},
                ],
            },
        },
    }
