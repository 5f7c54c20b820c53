"""Grafana in one pod: the stack's dashboards over its Prometheus, and nothing that is not made here."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from components import pod_security, workload
from components.monitoring import names, tls
from components.settings.monitoring import GrafanaSettings
from components.sizes import Size

SIZE = Size(cpu="50m", cpu_limit="1", memory="192Mi", memory_limit="512Mi", storage="0")

SECRET = "grafana-admin"  # noqa: S105 - a Secret's name
PASSWORD, SECRET_KEY = "password", "secret-key"
USER = "admin"

_UID = 472
"""Of the image's own user, who owns what it starts from."""
_DATA = "/var/lib/grafana"
_SECRETS = "/etc/grafana-secrets"
_CREDENTIALS = "/etc/grafana-credentials"
_PROVISIONING = "/etc/grafana-provisioning"
_BOARDS = "/etc/grafana-dashboards"
_TRUST = "/etc/grafana-trust"
_INI = "grafana.ini"
_FILES = {
    _INI: _INI,
    "datasources.yaml": "datasources/stack.yaml",
    "dashboards.yaml": "dashboards/stack.yaml",
    # Grafana complains of each folder that it looks into and does not find.
    "alerting.yaml": "alerting/none.yaml",
    "plugins.yaml": "plugins/none.yaml",
}
"""Key of the ConfigMap to the path below `_PROVISIONING`."""
_PATHS = {
    "CONFIG": f"{_PROVISIONING}/{_FILES[_INI]}",
    "DATA": _DATA,
    "LOGS": f"{_DATA}/log",
    "PLUGINS": f"{_DATA}/plugins",
    "PROVISIONING": _PROVISIONING,
}
"""The image sets these variables itself, and they win over what its settings say of `paths`."""


def sources(prefix: str, *, by_tls: bool, jaeger: bool) -> list[dict[str, Any]]:
    """What Grafana asks: Prometheus, Alertmanager, and Jaeger where it is brought."""
    space = names.namespace_of(prefix)
    scheme = "https" if by_tls else "http"
    trust: dict[str, Any] = {"tlsAuthWithCACert": True} if by_tls else {}
    secure = {"secureJsonData": {"tlsCACert": f"$__file{{{_TRUST}/{tls.AUTHORITY_KEY}}}"}} if by_tls else {}

    def source(called: str, kind: str, url: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401
        return {"name": called, "uid": kind, "type": kind, "access": "proxy", "url": url, "editable": False, **more}

    def operated(part: str, port: int) -> str:
        return f"{scheme}://{part}-operated.{space}.svc.cluster.local:{port}"

    found = [
        source(
            "Prometheus",
            "prometheus",
            operated(names.PROMETHEUS, names.PROMETHEUS_PORT),
            isDefault=True,
            jsonData={"httpMethod": "POST", **trust},
            **secure,
        ),
        source(
            "Alertmanager",
            "alertmanager",
            operated(names.ALERTMANAGER, names.ALERTMANAGER_PORT),
            jsonData={"implementation": "prometheus", **trust},
            **secure,
        ),
    ]
    if jaeger:
        found.append(source("Jaeger", "jaeger", names.service_url(names.JAEGER, prefix, names.JAEGER_PORT)))
    return found


def files(prefix: str, settings: GrafanaSettings, *, by_tls: bool, jaeger: bool) -> dict[str, str]:
    """Data of its ConfigMap: its settings, whom it asks, and where the dashboards lie."""
    boards = {
        "name": "echorator",
        "folder": "Echorator",
        "type": "file",
        "disableDeletion": True,
        "allowUiUpdates": False,
        "options": {"path": _BOARDS},
    }
    documents: dict[str, dict[str, Any]] = {
        "datasources.yaml": {"datasources": sources(prefix, by_tls=by_tls, jaeger=jaeger), "prune": True},
        "dashboards.yaml": {"providers": [boards]},
        "alerting.yaml": {},
        "plugins.yaml": {},
    }
    provisioned = {
        called: yaml.safe_dump({"apiVersion": 1, **document}, sort_keys=False) for called, document in documents.items()
    }
    return {_INI: settings_file(settings, by_tls=by_tls), **provisioned}


def settings_file(settings: GrafanaSettings, *, by_tls: bool) -> str:
    """Its grafana.ini: what we say by section and key, then what the stack's settings do."""
    ours = {
        "server.http_port": str(names.GRAFANA_PORT),
        "log.mode": "console",
        "log.console.format": "json",
        "security.admin_user": USER,
        "security.admin_password": f"$__file{{{_SECRETS}/{PASSWORD}}}",
        "security.secret_key": f"$__file{{{_SECRETS}/{SECRET_KEY}}}",
        "security.disable_gravatar": "true",
        "security.cookie_secure": json.dumps(by_tls),
        "users.allow_sign_up": "false",
        # It has no way out: each of these would wait for an answer that never comes.
        "analytics.reporting_enabled": "false",
        "analytics.check_for_updates": "false",
        "analytics.check_for_plugin_updates": "false",
        "news.news_feed_enabled": "false",
        "plugins.preinstall_disabled": "true",
        "plugins.preinstall_auto_update": "false",
        "plugins.public_key_retrieval_disabled": "true",
        "snapshots.external_enabled": "false",
    }
    if by_tls:
        ours |= {
            "server.protocol": "https",
            "server.cert_file": f"{tls.FOLDER}/{tls.CERTIFICATE}",
            "server.cert_key": f"{tls.FOLDER}/{tls.KEY}",
            "server.certs_watch_interval": "1m",
            "server.min_tls_version": "TLS1.3",
        }
    if settings.root_url is not None:
        ours["server.root_url"] = settings.root_url
    sections: dict[str, list[str]] = {}
    for path, value in {**ours, **settings.settings}.items():
        section, _, key = path.rpartition(".")
        sections.setdefault(section, []).append(f"{key} = {_quoted(value)}")
    return "\n".join("\n".join([f"[{section}]", *lines, ""]) for section, lines in sorted(sections.items()))


def _quoted(value: str) -> str:
    """Three quotes around what would else begin a comment."""
    return f'"""{value}"""' if {"#", ";"} & set(value) else value


def deployment(
    prefix: str,
    settings: GrafanaSettings,
    *,
    image: str,
    config_map: Any,  # noqa: ANN401
    boards: Sequence[str],
    by_tls: bool,
) -> dict[str, Any]:
    """One replica: what it keeps is in its pod, and is made anew with it.

    Args:
        prefix: of the stack.
        settings: of Grafana.
        image: of Grafana.
        config_map: name of the ConfigMap with `files`; may be an output.
        boards: names of the ConfigMaps with dashboards.
        by_tls: whether it answers by TLS, and whom it asks does.
    """
    chosen = names.selector(names.GRAFANA, prefix)
    get: Mapping[str, Any] = {"path": "/api/health", "port": "http", "scheme": "HTTPS" if by_tls else "HTTP"}
    probe = {"httpGet": get, "timeoutSeconds": 5}
    items = [{"key": key, "path": path} for key, path in _FILES.items()]
    volumes: list[dict[str, Any]] = [
        {"name": "data", "emptyDir": {"sizeLimit": "1Gi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "100Mi"}},
        {"name": "secrets", "secret": {"secretName": SECRET, "defaultMode": 0o440}},
        {"name": "provisioning", "configMap": {"name": config_map, "items": items}},
        {"name": "dashboards", "projected": {"sources": [{"configMap": {"name": board}} for board in boards]}},
    ]
    mounts = [
        {"name": "data", "mountPath": _DATA},
        {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        {"name": "secrets", "mountPath": _SECRETS, "readOnly": True},
        {"name": "provisioning", "mountPath": _PROVISIONING, "readOnly": True},
        {"name": "dashboards", "mountPath": _BOARDS, "readOnly": True},
    ]
    if by_tls:
        volumes += [tls.volume(names.GRAFANA), {"name": "trust", "configMap": {"name": tls.AUTHORITY}}]
        mounts += [tls.mount(), {"name": "trust", "mountPath": _TRUST, "readOnly": True}]
    if settings.credentials_secret is not None:
        given = {"secretName": settings.credentials_secret, "defaultMode": 0o440}
        volumes.append({"name": "credentials", "secret": given})
        mounts.append({"name": "credentials", "mountPath": _CREDENTIALS, "readOnly": True})
    container = {
        "name": "grafana",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "env": [{"name": f"GF_PATHS_{name}", "value": value} for name, value in _PATHS.items()],
        "ports": [{"name": "http", "containerPort": names.GRAFANA_PORT, "protocol": "TCP"}],
        "readinessProbe": {**probe, "periodSeconds": 5},
        # It makes its database at each start.
        "startupProbe": {**probe, "periodSeconds": 5, "failureThreshold": 60},
        "livenessProbe": {**probe, "periodSeconds": 30},
        "resources": SIZE.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": mounts,
    }
    own = {**pod_security.POD, "runAsUser": _UID, "runAsGroup": _UID, "fsGroup": _UID}
    return {
        "replicas": 1,
        "selector": {"matchLabels": chosen},
        "strategy": {"type": "Recreate"},
        "template": {
            # It asks Prometheus and Alertmanager as every client does.
            "metadata": {"labels": {**names.object_labels(names.GRAFANA, prefix), names.METRICS_CLIENT: "true"}},
            "spec": {
                **pod_security.POD_SPEC,
                "securityContext": own,
                "serviceAccountName": names.GRAFANA,
                "topologySpreadConstraints": workload.spread(chosen),
                "containers": [container],
                "volumes": volumes,
            },
        },
    }
