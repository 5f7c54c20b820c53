"""The device plugin of a pool: what offers its GPUs to the kubelet, where nobody else does.

For clusters without an operator. It needs the driver and, for NVIDIA, the container toolkit on the nodes.
"""

import json
from collections.abc import Mapping
from typing import Any

from components.gpu_pools import taints_of
from components.ollama_pod_merge import merged
from components.pod_security import ROOT_CONTAINER
from components.settings.gpu import GpuPoolSettings
from components.versions import image
from fit.accelerators import ACCELERATORS

ACCOUNT = "device-plugin"
"""Service account, which may do nothing."""

SOCKETS = "/var/lib/kubelet/device-plugins"
CONFIG_KEY = "config.yaml"
_MOUNT = "/etc/device-plugin"
_IMAGES = {"nvidia": "nvidia-device-plugin", "amd": "amd-device-plugin", "intel": "intel-device-plugin"}
_FOLDERS = {
    "nvidia": {},
    "amd": {"sys": "/sys"},
    # Where Intel's finds cards, and, for runtimes that know CDI, tells what belongs to one.
    "intel": {"dri": "/dev/dri", "drm": "/sys/class/drm"},
}
"""Of the node, read by the plugin: name of the volume to path."""
_CDI = "/var/run/cdi"


def config(settings: GpuPoolSettings) -> dict[str, str] | None:
    """Data of the plugin's ConfigMap; None for a vendor whose plugin reads none."""
    card = ACCELERATORS[settings.accelerator]
    if card.vendor != "nvidia":
        return None
    document: dict[str, Any] = {
        "version": "v1",
        # `single` would call the parts `nvidia.com/gpu` too, and a pod could not say which size it needs.
        "flags": {"migStrategy": "mixed" if settings.mig else "none"},
    }
    if settings.time_slicing > 1:
        shared = {"name": card.resource, "replicas": settings.time_slicing}
        # A pod that asks for two shares would get two turns on one GPU, and believe that it has two GPUs.
        document["sharing"] = {"timeSlicing": {"failRequestsGreaterThanOne": True, "resources": [shared]}}
    # JSON is YAML too, and has one spelling.
    return {CONFIG_KEY: json.dumps(document, sort_keys=True)}


def daemon_set(
    settings: GpuPoolSettings,
    *,
    selected: Mapping[str, str],
    labels: Mapping[str, str],
    node_selector: Mapping[str, str],
    config_map: str | None,
    runtime_class: str | None,
    image_digests: Mapping[str, str],
) -> dict[str, Any]:
    """Spec of the DaemonSet.

    Args:
        settings: of the pool.
        selected: labels that select its pods.
        labels: all labels of its pods.
        node_selector: of the pool's nodes.
        config_map: name of its configuration, if it has one.
        runtime_class: that gives it the driver's libraries.
        image_digests: image to digest, as the setting of that name.
    """
    card = ACCELERATORS[settings.accelerator]
    volumes: list[dict[str, Any]] = [{"name": "sockets", "hostPath": {"path": SOCKETS, "type": "Directory"}}]
    mounts: list[dict[str, Any]] = [{"name": "sockets", "mountPath": SOCKETS}]
    environment: list[dict[str, str]] = []
    if config_map is not None:
        volumes.append({"name": "config", "configMap": {"name": config_map}})
        mounts.append({"name": "config", "mountPath": _MOUNT, "readOnly": True})
        environment.append({"name": "CONFIG_FILE", "value": f"{_MOUNT}/{CONFIG_KEY}"})
    for name, path in _FOLDERS[card.vendor].items():
        volumes.append({"name": name, "hostPath": {"path": path, "type": "Directory"}})
        mounts.append({"name": name, "mountPath": path, "readOnly": True})
    if card.vendor == "intel":
        volumes.append({"name": "cdi", "hostPath": {"path": _CDI, "type": "DirectoryOrCreate"}})
        mounts.append({"name": "cdi", "mountPath": _CDI})
    container: dict[str, Any] = {
        "name": "device-plugin",
        "image": image(_IMAGES[card.vendor], image_digests),
        "imagePullPolicy": "IfNotPresent",
        "env": environment,
        # The kubelet's socket belongs to root; nothing else of root is needed.
        "securityContext": ROOT_CONTAINER,
        "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}},
        "volumeMounts": mounts,
    }
    if card.vendor == "intel" and settings.time_slicing > 1:
        container["args"] = [f"-shared-dev-num={settings.time_slicing}"]
    spec: dict[str, Any] = {
        "serviceAccountName": ACCOUNT,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "priorityClassName": "system-node-critical",
        "nodeSelector": dict(node_selector),
        "tolerations": [{"key": taint.key, "operator": "Exists"} for taint in taints_of(settings)],
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": volumes,
    }
    if runtime_class is not None:
        spec["runtimeClassName"] = runtime_class
    template = merged({"metadata": {"labels": dict(labels)}, "spec": spec}, settings.plugin)
    return {
        "selector": {"matchLabels": dict(selected)},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
        "template": template,
    }
