"""Exporters that the stack brings itself: what a node does."""

from typing import Any

from components import pod_security
from components.monitoring import names
from components.sizes import Size

NODE_SIZE = Size(cpu="10m", cpu_limit="200m", memory="24Mi", memory_limit="64Mi", storage="0")

# What /proc of any container says of the whole machine. File systems, mounts and network devices are those of the
# container itself, so they would mislead.
_COLLECTORS = ("cpu", "diskstats", "loadavg", "meminfo", "pressure", "stat", "uname", "vmstat")


def node_exporter(prefix: str, image: str) -> dict[str, Any]:
    """A DaemonSet that needs no right: no host namespace, no host path, no root.

    CPU, memory, load and disk traffic of a machine stand in each container's /proc. Volumes are told of by those who
    use them (the agents and the store), so no host path has to be opened for them.
    """
    chosen = names.selector(names.NODE_EXPORTER, prefix)
    probe = {"httpGet": {"path": "/", "port": "http"}, "timeoutSeconds": 5}
    container = {
        "name": "node-exporter",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": [
            f"--web.listen-address=:{names.NODE_EXPORTER_PORT}",
            "--collector.disable-defaults",
            *(f"--collector.{name}" for name in _COLLECTORS),
        ],
        "ports": [{"name": "http", "containerPort": names.NODE_EXPORTER_PORT, "protocol": "TCP"}],
        "readinessProbe": {**probe, "periodSeconds": 5},
        "livenessProbe": {**probe, "periodSeconds": 30},
        "resources": NODE_SIZE.resources(),
        "securityContext": pod_security.CONTAINER,
    }
    return {
        "selector": {"matchLabels": chosen},
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "10%"}},
        "template": {
            "metadata": {"labels": names.object_labels(names.NODE_EXPORTER, prefix)},
            "spec": {
                **pod_security.POD_SPEC,
                "serviceAccountName": names.NODE_EXPORTER,
                # On tainted nodes too: those with GPUs are the ones to watch.
                "tolerations": [{"operator": "Exists", "effect": "NoSchedule"}],
                "containers": [container],
            },
        },
    }
