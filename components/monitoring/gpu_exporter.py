"""NVIDIA's DCGM exporter on the nodes of a GPU pool: how busy each GPU is, how full, how hot, and what it suffered."""

from typing import Any

from components import pod_security
from components.gpu_pools import runtime_class_of, selector_of, taints_of
from components.monitoring import names
from components.settings.gpu import GpuPoolSettings
from components.sizes import Size

SIZE = Size(cpu="20m", cpu_limit="500m", memory="128Mi", memory_limit="512Mi", storage="0")

CONFIG_KEY = "counters.csv"
COUNTERS = (
    ("DCGM_FI_DEV_GPU_UTIL", "gauge", "Per cent of the time in which it computed"),
    ("DCGM_FI_DEV_FB_USED", "gauge", "MiB of memory in use"),
    ("DCGM_FI_DEV_GPU_TEMP", "gauge", "Temperature in degrees Celsius"),
    ("DCGM_FI_DEV_XID_ERRORS", "gauge", "Number of the last fault that the driver told of"),
)
"""What rules, dashboards and scaling ask, and no more: DCGM watches what is listed. None of it needs SYS_ADMIN."""
_MOUNT = "/etc/gpu-exporter"
_KUBELET = "/var/lib/kubelet/pod-resources"


def counters() -> dict[str, str]:
    """Data of its ConfigMap: three fields a line, so that no meaning may have a comma."""
    return {CONFIG_KEY: "".join(f"{', '.join(one)}\n" for one in COUNTERS)}


def daemon_set(
    pool: GpuPoolSettings,
    prefix: str,
    *,
    image: str,
    config_map: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """Spec of the DaemonSet of one pool.

    Root, since the kubelet's socket, which tells whose GPU it is, belongs to it; without any capability.

    Args:
        pool: whose nodes it is on.
        prefix: of the stack.
        image: of the exporter.
        config_map: name of the ConfigMap with `counters`; may be an output.
    """
    chosen = {**names.selector(names.GPU_EXPORTER, prefix), "echorator.dev/pool": pool.name}
    get = {"httpGet": {"path": "/health", "port": "metrics"}, "timeoutSeconds": 5}
    container = {
        "name": names.GPU_EXPORTER,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            "--kubernetes",
            f"--address=:{names.GPU_EXPORTER_PORT}",
            f"--collectors={_MOUNT}/{CONFIG_KEY}",
        ],
        "env": [
            {"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            # It asks the scheduler for no GPU, and the container toolkit then shows it none but by this.
            {"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"},
        ],
        "ports": [{"name": "metrics", "containerPort": names.GPU_EXPORTER_PORT, "protocol": "TCP"}],
        "readinessProbe": {**get, "periodSeconds": 10},
        # DCGM looks at every card before it answers.
        "startupProbe": {**get, "periodSeconds": 10, "failureThreshold": 30},
        "livenessProbe": {**get, "periodSeconds": 30},
        "resources": SIZE.resources(),
        "securityContext": pod_security.ROOT_CONTAINER,
        "volumeMounts": [
            {"name": "config", "mountPath": _MOUNT, "readOnly": True},
            {"name": "kubelet", "mountPath": _KUBELET, "readOnly": True},
            {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 - a volume of the pod's own
        ],
    }
    spec: dict[str, Any] = {
        **pod_security.POD_SPEC,
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "serviceAccountName": names.GPU_EXPORTER,
        "nodeSelector": selector_of(pool),
        "tolerations": [{"key": taint.key, "operator": "Exists"} for taint in taints_of(pool)],
        "containers": [container],
        "volumes": [
            {"name": "config", "configMap": {"name": config_map}},
            {"name": "kubelet", "hostPath": {"path": _KUBELET, "type": "Directory"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "100Mi"}},
        ],
    }
    runtime_class = runtime_class_of(pool, prefix)
    if runtime_class is not None:
        spec["runtimeClassName"] = runtime_class
    labels = {**names.object_labels(names.GPU_EXPORTER, prefix), **chosen}
    return {
        "selector": {"matchLabels": chosen},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
        "template": {"metadata": {"labels": labels}, "spec": spec},
    }
