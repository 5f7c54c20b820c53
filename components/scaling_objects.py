"""What lets a server's replicas follow the load: plain objects, as Kubernetes, KEDA and the VPA spell them."""

import re
from typing import Any

from components.settings.scaling import ScalingSettings

CONTAINER = "ollama"
"""Whose CPU and memory count: the agent beside it is small, and would water the figures down."""

IN_HAND = "replica_requests_in_flight"
FIRST_PIECE = "replica_time_to_first_token_seconds"
FIRST_PIECE_P95 = f"{FIRST_PIECE}_p95"
"""Not the agent's: a metrics adapter computes it from the histogram (docs/scale.md)."""
GPU_USE = "DCGM_FI_DEV_GPU_UTIL"
"""Of NVIDIA's DCGM exporter."""

_GPU_PER_CENT = 85
_POLLING_S = 15
_WINDOW = "2m"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_LONGEST_S = 3600
"""The API server's bound of a stabilization window."""


def seconds(duration: str) -> int:
    """Whole seconds of a duration such as `5m` or `1h30m`, rounded up; at most an hour."""
    total = sum(float(number) * _UNITS[unit] for number, unit in _DURATION.findall(duration))
    return min(_LONGEST_S, -int(-total // 1))


def gpu_bound(scaling: ScalingSettings, gpus: int) -> int | None:
    """Per cent of a GPU; the mission's where the server has some and nothing is said."""
    if not gpus or "gpu" in scaling.model_fields_set:
        return scaling.gpu
    return _GPU_PER_CENT


def behavior(scaling: ScalingSettings) -> dict[str, Any]:
    """Up at once, twice as many a minute; down one by one, once the load has been away for the cooldown."""
    return {
        "scaleUp": {
            "stabilizationWindowSeconds": 0,
            "selectPolicy": "Max",
            "policies": [
                {"type": "Percent", "value": 100, "periodSeconds": 60},
                {"type": "Pods", "value": 2, "periodSeconds": 60},
            ],
        },
        "scaleDown": {
            "stabilizationWindowSeconds": seconds(scaling.cooldown),
            "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
        },
    }


def autoscaler(server: str, scaling: ScalingSettings, gpus: int) -> dict[str, Any]:
    """Spec of a HorizontalPodAutoscaler (autoscaling/v2)."""
    metrics = [_utilization(name, bound) for name, bound in _resources(scaling).items()]
    if scaling.queue is not None:
        metrics.append(_of_pods(IN_HAND, str(scaling.queue)))
    if scaling.response_seconds is not None:
        metrics.append(_of_pods(FIRST_PIECE_P95, f"{round(scaling.response_seconds * 1000)}m"))
    bound = gpu_bound(scaling, gpus)
    if bound is not None:
        metrics.append(_of_pods(GPU_USE, str(bound)))
    return {
        "scaleTargetRef": _target(server),
        "minReplicas": scaling.min,
        "maxReplicas": scaling.max,
        "metrics": metrics,
        "behavior": behavior(scaling),
    }


def scaled_object(server: str, namespace: str, scaling: ScalingSettings, gpus: int) -> dict[str, Any]:
    """Spec of a KEDA ScaledObject (keda.sh/v1alpha1)."""
    triggers: list[dict[str, Any]] = [
        {"type": name, "metricType": "Utilization", "metadata": {"value": str(bound), "containerName": CONTAINER}}
        for name, bound in _resources(scaling).items()
    ]
    pods = f'{{namespace="{namespace}",pod=~"{server}-[0-9]+"}}'
    if scaling.queue is not None:
        triggers.append(_query(scaling, f"sum({IN_HAND}{pods})", str(scaling.queue), "AverageValue"))
    if scaling.response_seconds is not None:
        rates = f"sum by (le) (rate({FIRST_PIECE}_bucket{pods}[{_WINDOW}]))"
        # Nothing was asked: no time, and not the last one for ever.
        p95 = f"(histogram_quantile(0.95, {rates}) >= 0) or vector(0)"
        triggers.append(_query(scaling, p95, f"{scaling.response_seconds:g}", "Value"))
    bound = gpu_bound(scaling, gpus)
    if bound is not None:
        triggers.append(_query(scaling, f"avg({GPU_USE}{pods})", str(bound), "Value"))
    if scaling.wake is not None:
        triggers.append(_query(scaling, scaling.wake, "1", "AverageValue"))
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": server},
        "minReplicaCount": scaling.min,
        "maxReplicaCount": scaling.max,
        "pollingInterval": _POLLING_S,
        "cooldownPeriod": seconds(scaling.cooldown),
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior(scaling)}},
        "triggers": triggers,
    }


def advice(server: str) -> dict[str, Any]:
    """Spec of a VerticalPodAutoscaler (autoscaling.k8s.io/v1) that recommends, and changes nothing."""
    return {
        "targetRef": _target(server),
        "updatePolicy": {"updateMode": "Off"},
        "resourcePolicy": {
            "containerPolicies": [
                {"containerName": CONTAINER, "controlledResources": ["cpu", "memory"]},
                {"containerName": "*", "mode": "Off"},
            ]
        },
    }


def _resources(scaling: ScalingSettings) -> dict[str, int]:
    bounds = {"cpu": scaling.cpu, "memory": scaling.memory}
    return {name: bound for name, bound in bounds.items() if bound is not None}


def _target(server: str) -> dict[str, str]:
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": server}


def _utilization(resource: str, per_cent: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": per_cent}
    return {
        "type": "ContainerResource",
        "containerResource": {"name": resource, "container": CONTAINER, "target": target},
    }


def _of_pods(metric: str, average: str) -> dict[str, Any]:
    return {
        "type": "Pods",
        "pods": {"metric": {"name": metric}, "target": {"type": "AverageValue", "averageValue": average}},
    }


def _query(scaling: ScalingSettings, query: str, threshold: str, metric_type: str) -> dict[str, Any]:
    return {
        "type": "prometheus",
        "metricType": metric_type,
        "metadata": {"serverAddress": scaling.prometheus or "", "query": query, "threshold": threshold},
    }
