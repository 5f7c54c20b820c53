"""The responder: its config, its Deployment, and the rights of the acts that it may take."""

import json
from typing import Any

from components import pod_security
from components.monitoring import names, tls
from components.settings.monitoring import ResponderSettings
from components.sizes import Size
from responder.config import ResponderConfig

SIZE = Size(cpu="10m", cpu_limit="200m", memory="48Mi", memory_limit="128Mi", storage="0")
SCALE_UP, RESTART, CORDON = "scale-up", "restart-stuck-pull", "cordon-replica"
_FOLDER = "/etc/responder"


def url(prefix: str, *, by_tls: bool = False) -> str:
    """Of its web hook, for Alertmanager."""
    scheme = "https" if by_tls else "http"
    return f"{scheme}://{names.RESPONDER}.{names.namespace_of(prefix)}.svc.cluster.local:{names.RESPONDER_PORT}/alerts"


def config(namespace: str, settings: ResponderSettings, *, by_tls: bool = False) -> str:
    """Its config file: JSON that its own model accepts."""
    text = json.dumps(
        {
            "listen": f"0.0.0.0:{names.RESPONDER_PORT}",
            "namespace": namespace,
            "dryRun": settings.dry_run,
            "allow": list(settings.allow),
            "maxReplicas": settings.max_replicas,
            **({"tlsFolder": tls.FOLDER} if by_tls else {}),
        },
        indent=2,
    )
    ResponderConfig.model_validate_json(text)
    return text


def rules(settings: ResponderSettings) -> list[dict[str, Any]]:
    """Of its Role where the servers run: what its acts need, and nothing in a dry run but to look."""
    acts = not settings.dry_run
    found: list[dict[str, Any]] = [
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create"]},
    ]
    if RESTART in settings.allow:
        found.append({"apiGroups": [""], "resources": ["pods"], "verbs": ["get", *(["delete"] if acts else [])]})
    if SCALE_UP in settings.allow:
        verbs = ["get", *(["patch"] if acts else [])]
        found.append({"apiGroups": ["apps"], "resources": ["statefulsets/scale"], "verbs": verbs})
    return found


def cluster_rules(settings: ResponderSettings) -> list[dict[str, Any]]:
    """Of its ClusterRole; none where it cordons no node."""
    if CORDON not in settings.allow:
        return []
    verbs = ["get", *([] if settings.dry_run else ["patch"])]
    return [{"apiGroups": [""], "resources": ["nodes"], "verbs": verbs}]


def deployment(prefix: str, *, image: str, config_map: Any, by_tls: bool = False) -> dict[str, Any]:  # noqa: ANN401
    """One replica: two would each act. `config_map` is its name, an output that changes with the content."""
    chosen = names.selector(names.RESPONDER, prefix)
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "timeoutSeconds": 5}
    container = {
        "name": "responder",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["responder", "--config", f"{_FOLDER}/config.json"],
        "ports": [{"name": "http", "containerPort": names.RESPONDER_PORT, "protocol": "TCP"}],
        "readinessProbe": {**probe, "periodSeconds": 2, "failureThreshold": 3},
        "livenessProbe": {**probe, "periodSeconds": 20, "failureThreshold": 3},
        "resources": SIZE.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [
            names.token_mount(),
            {"name": "config", "mountPath": _FOLDER, "readOnly": True},
        ],
    }
    found = {
        "replicas": 1,
        "selector": {"matchLabels": chosen},
        "strategy": {"type": "Recreate"},
        "template": {
            "metadata": {"labels": names.object_labels(names.RESPONDER, prefix)},
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": names.RESPONDER,
                "containers": [container],
                "volumes": [names.token_volume(), {"name": "config", "configMap": {"name": config_map}}],
            },
        },
    }
    return tls.secured_workload(names.RESPONDER, found) if by_tls else found
