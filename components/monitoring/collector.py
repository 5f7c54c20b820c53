"""The OpenTelemetry collector twice: one that sends on what it is told, and one on each node that reads logs.

What is sent where is known to the first alone, with its credentials. It takes traces from the echo service, logs from
the readers, and the Events of our namespaces from the API server, which itself forgets them after an hour.
"""

import json
from collections.abc import Sequence
from typing import Any

from components import pod_security, workload
from components.monitoring import names
from components.settings.monitoring import CollectorSettings, DestinationSettings
from components.sizes import Size

SIZE = Size(cpu="20m", cpu_limit="500m", memory="128Mi", memory_limit="256Mi", storage="0")
READER_SIZE = Size(cpu="10m", cpu_limit="200m", memory="64Mi", memory_limit="128Mi", storage="0")

CONFIG_KEY = "collector.json"
_CONFIG_MOUNT = "/etc/collector"
_LOGS = "/var/log/pods"
_PLACES = "/var/lib/collector"
_LONGEST_LINE = "64KiB"
_QUEUE = 100
"""Batches that wait for a destination that is away, in memory."""
_TRIES_FOR = "300s"
AUTHORIZATION = "authorization"
"""Key of a destination's Secret: the header of that name."""


def rules() -> list[dict[str, Any]]:
    """Of its Role in each namespace whose Events are kept."""
    return [
        {"apiGroups": [group], "resources": ["events"], "verbs": ["get", "list", "watch"]}
        for group in ("", "events.k8s.io")
    ]


def config(prefix: str, settings: CollectorSettings, namespaces: Sequence[str]) -> str:
    """Of the one that sends on.

    Args:
        prefix: of the stack.
        settings: where logs and traces go.
        namespaces: whose Events are kept.
    """
    receivers: dict[str, Any] = {"otlp": {"protocols": {"http": {"endpoint": f"0.0.0.0:{names.OTLP_PORT}"}}}}
    exporters: dict[str, Any] = {}
    pipelines: dict[str, Any] = {}
    if settings.logs is not None:
        receivers["k8sobjects"] = {
            "auth_type": "serviceAccount",
            "objects": [
                {"name": "events", "group": "events.k8s.io", "mode": "watch", "namespaces": sorted(namespaces)}
            ],
        }
        exporters["otlphttp/logs"] = _destination(settings.logs.url, _variable("logs", settings.logs))
        pipelines["logs"] = _pipeline(["otlp", "k8sobjects"], "otlphttp/logs")
    for name, url, header in traces_to(prefix, settings):
        exporters[f"otlphttp/{name}"] = _destination(url, header)
        pipelines.setdefault("traces", _pipeline(["otlp"]))["exporters"].append(f"otlphttp/{name}")
    return _text(receivers, exporters, pipelines, extensions={})


def traces_to(prefix: str, settings: CollectorSettings) -> list[tuple[str, str, str | None]]:
    """Name, URL and variable with a header of each place that traces go to."""
    found: list[tuple[str, str, str | None]] = []
    if settings.traces is not None:
        found.append(("traces", settings.traces.url, _variable("traces", settings.traces)))
    if settings.jaeger:
        found.append(("jaeger", names.service_url(names.JAEGER, prefix, names.OTLP_PORT), None))
    return found


def reader_config(prefix: str) -> str:
    """Of those that read logs: lines of our containers, with where they come from and the ids of their trace."""
    own = f"{_LOGS}/{names.logs_namespace_of(prefix)}_*/*/*.log"
    quiet = {"on_error": "send_quiet"}
    operators = [
        {"type": "container"},
        {"type": "json_parser", "if": 'body matches "^{"', **quiet},
        {"type": "severity_parser", "parse_from": "attributes.level", "if": "attributes.level != nil", **quiet},
        {
            "type": "trace_parser",
            "trace_id": {"parse_from": "attributes.trace_id"},
            "span_id": {"parse_from": "attributes.span_id"},
            "if": "attributes.trace_id != nil",
            **quiet,
        },
    ]
    receiver = {
        "include": [f"{_LOGS}/{prefix}-*_*/*/*.log"],
        # Its own lines about lines that it cannot send would make more of them.
        "exclude": [own],
        "include_file_path": True,
        "start_at": "beginning",
        "poll_interval": "1s",
        "max_log_size": _LONGEST_LINE,
        "max_concurrent_files": 128,
        # How far each file was read outlives the container, though not the pod.
        "storage": "file_storage",
        "operators": operators,
    }
    to = names.service_url(names.COLLECTOR, prefix, names.OTLP_PORT)
    return _text(
        {"filelog": receiver},
        {"otlphttp": _destination(to, None)},
        {"logs": _pipeline(["filelog"], "otlphttp")},
        extensions={"file_storage": {"directory": _PLACES}},
    )


def _variable(name: str, to: DestinationSettings) -> str | None:
    return None if to.credentials_secret is None else f"{name.upper()}_AUTHORIZATION"


def _destination(url: str, header: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "endpoint": url,
        "compression": "gzip",
        "sending_queue": {"queue_size": _QUEUE},
        "retry_on_failure": {"max_elapsed_time": _TRIES_FOR},
    }
    return found if header is None else {**found, "headers": {"Authorization": f"${{env:{header}}}"}}


def _pipeline(receivers: list[str], *exporters: str) -> dict[str, Any]:
    # The limit comes first: what cannot be held is refused, and whoever sent it tries again.
    return {"receivers": receivers, "processors": ["memory_limiter", "batch"], "exporters": list(exporters)}


def _text(
    receivers: dict[str, Any], exporters: dict[str, Any], pipelines: dict[str, Any], *, extensions: dict[str, Any]
) -> str:
    metrics = {"host": "0.0.0.0", "port": names.COLLECTOR_METRICS_PORT}  # noqa: S104 - network policies say who gets in
    document: dict[str, Any] = {
        "extensions": {"health_check": {"endpoint": f"0.0.0.0:{names.COLLECTOR_HEALTH_PORT}"}, **extensions},
        "receivers": receivers,
        "processors": {
            "memory_limiter": {"check_interval": "1s", "limit_percentage": 75, "spike_limit_percentage": 20},
            "batch": {"send_batch_size": 512, "send_batch_max_size": 1024},
        },
        "exporters": exporters,
        "service": {
            "extensions": ["health_check", *extensions],
            "pipelines": pipelines,
            "telemetry": {
                "logs": {"encoding": "json"},
                "metrics": {"readers": [{"pull": {"exporter": {"prometheus": metrics}}}]},
            },
        },
    }
    # JSON is YAML too, and has one spelling.
    return json.dumps(document, sort_keys=True, indent=1)


def deployment(prefix: str, settings: CollectorSettings, *, image: str, config_map: Any) -> dict[str, Any]:  # noqa: ANN401
    """Of the one that sends on. One replica: a second one would send each Event a second time.

    Args:
        prefix: of the stack.
        settings: where logs and traces go.
        image: of the collector.
        config_map: name of its configuration; an output that changes with the content.
    """
    chosen = names.selector(names.COLLECTOR, prefix)
    secrets = [
        (_variable(name, one), one.credentials_secret)
        for name, one in (("logs", settings.logs), ("traces", settings.traces))
        if one is not None and one.credentials_secret is not None
    ]
    container = _container(image, SIZE)
    container["env"] += [
        {"name": variable, "valueFrom": {"secretKeyRef": {"name": secret, "key": AUTHORIZATION}}}
        for variable, secret in secrets
    ]
    container["ports"].insert(0, {"name": "http", "containerPort": names.OTLP_PORT, "protocol": "TCP"})
    # Only who reads Events asks the API server.
    reads = settings.logs is not None
    container["volumeMounts"] = [_config_mount(), *([names.token_mount()] if reads else [])]
    return {
        "replicas": 1,
        "selector": {"matchLabels": chosen},
        "strategy": {"type": "Recreate"},
        "template": {
            "metadata": {"labels": names.object_labels(names.COLLECTOR, prefix)},
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": names.COLLECTOR,
                "topologySpreadConstraints": workload.spread(chosen),
                "containers": [container],
                "volumes": [_config_volume(config_map), *([names.token_volume()] if reads else [])],
            },
        },
    }


def daemon_set(prefix: str, *, image: str, config_map: Any) -> dict[str, Any]:  # noqa: ANN401
    """Of those that read logs, in a namespace of their own: Pod Security lets no other pod at a node's folder.

    Args:
        prefix: of the stack.
        image: of the collector.
        config_map: name of its configuration.
    """
    container = _container(image, READER_SIZE)
    # The files belong to root; it may read them and has no capability.
    container["securityContext"] = pod_security.ROOT_CONTAINER
    container["volumeMounts"] = [
        _config_mount(),
        {"name": "logs", "mountPath": _LOGS, "readOnly": True},
        {"name": "places", "mountPath": _PLACES},
    ]
    return {
        "selector": {"matchLabels": names.selector(names.LOG_READER, prefix)},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
        "template": {
            "metadata": {"labels": names.object_labels(names.LOG_READER, prefix)},
            "spec": {
                "automountServiceAccountToken": False,
                "enableServiceLinks": False,
                "serviceAccountName": names.LOG_READER,
                "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                # On tainted nodes too: models run there.
                "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
                "containers": [container],
                "volumes": [
                    _config_volume(config_map),
                    {"name": "logs", "hostPath": {"path": _LOGS, "type": "Directory"}},
                    {"name": "places", "emptyDir": {"sizeLimit": "64Mi"}},
                ],
            },
        },
    }


def _container(image: str, size: Size) -> dict[str, Any]:
    probe = {"httpGet": {"path": "/", "port": "health"}, "timeoutSeconds": 5}
    return {
        "name": "collector",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--config={_CONFIG_MOUNT}/{CONFIG_KEY}"],
        # Else the heap grows to the limit before anything is freed.
        "env": [{"name": "GOMEMLIMIT", "value": f"{int(size.memory_limit.removesuffix('Mi')) * 4 // 5}MiB"}],
        "ports": [
            {"name": "metrics", "containerPort": names.COLLECTOR_METRICS_PORT, "protocol": "TCP"},
            {"name": "health", "containerPort": names.COLLECTOR_HEALTH_PORT, "protocol": "TCP"},
        ],
        "readinessProbe": {**probe, "periodSeconds": 5},
        "livenessProbe": {**probe, "periodSeconds": 30},
        "resources": size.resources(),
        "securityContext": pod_security.CONTAINER,
    }


def _config_volume(config_map: Any) -> dict[str, Any]:  # noqa: ANN401
    return {"name": "config", "configMap": {"name": config_map}}


def _config_mount() -> dict[str, Any]:
    return {"name": "config", "mountPath": _CONFIG_MOUNT, "readOnly": True}
