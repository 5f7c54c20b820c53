"""The agent beside every Ollama: its config, its container, and what it may do in the cluster."""

import json
from collections.abc import Sequence
from typing import Any

from components import pod_security
from components.monitoring import tls
from components.monitoring.scrape import AGENTS
from components.sizes import AGENT
from replica_agent.config import parse
from replica_agent.ports import AGENT_PORT, GATE_PORT, OLLAMA_PORT

KEY = "wanted.json"
"""Of the ConfigMap with the wanted list."""

CONFIG_ANNOTATION = "echorator.dev/agent-config"
"""Of the pods: the agent's config, which it sees as a file. In the template itself, another config rolls the pods, and
no pod of a rollout that is under way can miss a ConfigMap that was replaced."""

SOURCES = "/sources"
"""Claims with weights are mounted here, each under its name."""

DRAIN = {"httpGet": {"path": "/drain", "port": AGENT_PORT}}
"""Called before a container is stopped; answers once no request is in flight. Ollama itself drops its connections
when it is told to stop, so without this each answer that is being streamed would break off."""

_FOLDER = "/etc/replica-agent"
_CONFIG = "config.json"
_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
_TOKEN_S = 3600
_MARGIN_S = 10
"""Between the end of a drain and the kill."""


def list_name(server: str) -> str:
    """Name of the ConfigMap with the wanted list. It stays, so that another list rolls no pod."""
    return f"{server}-models"


def account_name(server: str) -> str:
    """Name of the pods' account, Role and binding."""
    return f"{server}-replica"


def config(
    *,
    server: str,
    ledger: str,
    models: str | None,
    grace_s: int,
    read_only: bool,
    clients_may_manage: bool = False,
    metrics_tls: bool = False,
) -> str:
    """The agent's config file: JSON that its own model accepts.

    Args:
        server: its name.
        ledger: path of the file in which the agent keeps what it brought.
        models: the models' folder, where the agent's container mounts it.
        grace_s: the pod's termination grace period, seconds.
        read_only: another pod writes the models.
        clients_may_manage: let clients pull, create, copy, push and delete models.
        metrics_tls: tell metrics by TLS.
    """
    text = json.dumps(
        {
            **({"metricsTls": tls.config()} if metrics_tls else {}),
            "server": server,
            "ollamaUrl": f"http://127.0.0.1:{OLLAMA_PORT}",
            "gateListen": f"0.0.0.0:{GATE_PORT}",
            "agentListen": f"0.0.0.0:{AGENT_PORT}",
            "wantedFile": f"{_FOLDER}/wanted/{KEY}",
            "ledgerFile": ledger,
            "modelsFolder": models,
            "api": {"configMap": list_name(server), "key": KEY, "account": _ACCOUNT},
            "drainLimitSeconds": max(0, grace_s - _MARGIN_S),
            "readOnly": read_only,
            "clientsMayManageModels": clients_may_manage,
        },
        indent=2,
    )
    parse(text, CONFIG_ANNOTATION)
    return text


def container(
    image: str, pull_policy: str, mounts: Sequence[dict[str, Any]], claims: Sequence[str], *, metrics_tls: bool = False
) -> dict[str, Any]:
    """The container.

    Args:
        image: the runtime image.
        pull_policy: as Kubernetes has it.
        mounts: of the models' volume, for the ledger.
        claims: with weights that models are made from; they are read only.
        metrics_tls: metrics are told by TLS.
    """
    probe = {"timeoutSeconds": 5, "failureThreshold": 3}
    health = {"httpGet": {"path": "/healthz", "port": "agent"}}
    return {
        "name": "agent",
        "image": image,
        "imagePullPolicy": pull_policy,
        # The image's entry point is Python with `-m`; where Python lies is the image's own business.
        "args": ["replica_agent", "--config", f"{_FOLDER}/{_CONFIG}"],
        "env": [
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in (
                ("POD_NAME", "metadata.name"),
                ("POD_NAMESPACE", "metadata.namespace"),
                ("POD_UID", "metadata.uid"),
            )
        ],
        "ports": [
            {"name": "http", "containerPort": GATE_PORT, "protocol": "TCP"},
            {"name": "agent", "containerPort": AGENT_PORT, "protocol": "TCP"},
            *([tls.port()] if metrics_tls else []),
        ],
        "startupProbe": {**probe, **health, "periodSeconds": 1, "failureThreshold": 120},
        # Often, since it decides how soon a replica takes traffic, and leaves it while it drains.
        "readinessProbe": {**probe, "httpGet": {"path": "/readyz", "port": "agent"}, "periodSeconds": 2},
        "livenessProbe": {**probe, **health, "periodSeconds": 20, "timeoutSeconds": 10},
        "lifecycle": {"preStop": DRAIN},
        "resources": AGENT.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [
            *mounts,
            {"name": "agent-config", "mountPath": _FOLDER, "readOnly": True},
            {"name": "api-access", "mountPath": _ACCOUNT, "readOnly": True},
            *([tls.mount()] if metrics_tls else []),
            *(
                {"name": f"source-{index}", "mountPath": f"{SOURCES}/{one}", "readOnly": True}
                for index, one in enumerate(claims)
            ),
        ],
    }


def volumes(server: str, claims: Sequence[str], *, metrics_tls: bool = False) -> list[dict[str, Any]]:
    """What the container mounts besides the models.

    The token is projected into the agent alone: the pod's account is not mounted anywhere else, and Ollama, which
    parses what strangers send, never sees it.
    """
    files = [
        {
            "downwardAPI": {
                "items": [{"path": _CONFIG, "fieldRef": {"fieldPath": f"metadata.annotations['{CONFIG_ANNOTATION}']"}}]
            }
        },
        {"configMap": {"name": list_name(server), "items": [{"key": KEY, "path": f"wanted/{KEY}"}]}},
    ]
    access = [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": _TOKEN_S}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}]}},
    ]
    return [
        {"name": "agent-config", "projected": {"sources": files}},
        {"name": "api-access", "projected": {"sources": access}},
        *([tls.volume(AGENTS)] if metrics_tls else []),
        *({"name": f"source-{index}", "persistentVolumeClaim": {"claimName": one}} for index, one in enumerate(claims)),
    ]


def rules(server: str) -> list[dict[str, Any]]:
    """Of the account's Role: its own wanted list, and Events."""
    return [
        {
            "apiGroups": [""],
            "resources": ["configmaps"],
            "resourceNames": [list_name(server)],
            "verbs": ["get", "list", "watch"],
        },
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch"]},
    ]
