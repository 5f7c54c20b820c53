"""Jaeger in one pod: takes traces by OTLP, keeps the last ones in memory, and shows them."""

import json
from typing import Any

from components import pod_security, workload
from components.monitoring import names
from components.sizes import Size

SIZE = Size(cpu="20m", cpu_limit="1", memory="256Mi", memory_limit="512Mi", storage="0")

CONFIG_KEY = "jaeger.json"
_MOUNT = "/etc/jaeger"
_MOST = 20_000
"""Traces that are kept; at some 15 KiB each they are half of its memory."""
_STORE = "memory"


def config() -> str:
    """One pipeline, from OTLP over HTTP into memory."""
    document: dict[str, Any] = {
        "extensions": {
            "jaeger_storage": {"backends": {_STORE: {"memory": {"max_traces": _MOST}}}},
            "jaeger_query": {
                "storage": {"traces": _STORE},
                "http": {"endpoint": f"0.0.0.0:{names.JAEGER_PORT}"},
                # Nobody asks by it, and its port would be one more to close.
                "grpc": {"endpoint": "127.0.0.1:16685"},
            },
            "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"0.0.0.0:{names.COLLECTOR_HEALTH_PORT}"}},
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"0.0.0.0:{names.OTLP_PORT}"}}}},
        "processors": {"batch": {}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": _STORE}},
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["jaeger_storage_exporter"]}
            },
            "telemetry": {"logs": {"encoding": "json"}},
        },
    }
    return json.dumps(document, sort_keys=True, indent=1)


def deployment(prefix: str, *, image: str, config_map: Any) -> dict[str, Any]:  # noqa: ANN401
    """One replica: what is in the memory of one is not in another's.

    Args:
        prefix: of the stack.
        image: of Jaeger 2.
        config_map: name of its configuration.
    """
    chosen = names.selector(names.JAEGER, prefix)
    probe = {"httpGet": {"path": "/status", "port": "health"}, "timeoutSeconds": 5}
    ports = (("http", names.OTLP_PORT), ("query", names.JAEGER_PORT), ("health", names.COLLECTOR_HEALTH_PORT))
    container = {
        "name": "jaeger",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [f"--config={_MOUNT}/{CONFIG_KEY}"],
        "env": [{"name": "GOMEMLIMIT", "value": "400MiB"}],
        "ports": [{"name": name, "containerPort": port, "protocol": "TCP"} for name, port in ports],
        "readinessProbe": {**probe, "periodSeconds": 5},
        "livenessProbe": {**probe, "periodSeconds": 30},
        "resources": SIZE.resources(),
        "securityContext": pod_security.CONTAINER,
        "volumeMounts": [{"name": "config", "mountPath": _MOUNT, "readOnly": True}],
    }
    return {
        "replicas": 1,
        "selector": {"matchLabels": chosen},
        "strategy": {"type": "Recreate"},
        "template": {
            "metadata": {"labels": names.object_labels(names.JAEGER, prefix)},
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": names.JAEGER,
                "topologySpreadConstraints": workload.spread(chosen),
                "containers": [container],
                "volumes": [{"name": "config", "configMap": {"name": config_map}}],
            },
        },
    }
