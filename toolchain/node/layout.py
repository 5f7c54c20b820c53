"""Where a node's files lie on the host, and the fixed names and addresses inside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.node.cluster_layout import ClusterLayout

NODE_ADDRESS = "10.200.0.1"
POD_CIDR = "10.244.0.0/16"
NODE_POD_CIDR = "10.244.0.0/24"
SERVICE_CIDR = "10.96.0.0/16"
KUBERNETES_SERVICE = "10.96.0.1"
DNS_SERVICE = "10.96.0.10"
CLUSTER_DOMAIN = "cluster.local"
API_PORT = 6443
REGISTRY_PORT = 5000
BRIDGE = "node0"

# Fixed paths inside the node's mount namespace. The state folder is bound to them, so no
# configuration, unix socket (107 bytes) or overlay mount option (one page) depends on how deep
# the checkout lies.
INSIDE_PKI = "/var/lib/echorator/pki"
INSIDE_CONFIG = "/var/lib/echorator/config"
INSIDE_ETCD = "/var/lib/etcd"
INSIDE_CONTAINERD = "/var/lib/containerd"
INSIDE_KUBELET = "/var/lib/kubelet"
INSIDE_VOLUME_PLUGINS = f"{INSIDE_KUBELET}/volumeplugins"
INSIDE_REGISTRY = "/var/lib/registry"
INSIDE_VOLUMES = "/var/lib/volumes"
INSIDE_LOGS = "/var/log/node"
INSIDE_POD_LOGS = "/var/log/pods"
CONTAINERD_SOCKET = "/run/containerd/containerd.sock"

REQUIRED_TOOLS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kube-router",
)


@dataclass(frozen=True)
class NodeLayout(ClusterLayout):
    """Folders and programs of one node.

    Attributes:
        state: Disks, keys, configuration and logs; survives ``down`` and reboots.
        run: Control socket and records; emptied by ``down``. Short, since a unix socket's path
            ends at 107 bytes.
        id: Tells this node from others on the machine (the checkout's id).
        tools: Absolute paths of the programs in ``REQUIRED_TOOLS``.
        debs_prefix: Folder with the unpacked Debian packages (``usr/bin/containerd`` ...).
    """

    state: Path
    run: Path
    id: str
    tools: Mapping[str, Path]
    debs_prefix: Path

    @property
    def lock_file(self) -> Path:
        """Held while a command changes the node. In ``state``, since ``run`` goes with the node."""
        return self.state / "node.lock"

    @property
    def forwards_file(self) -> Path:
        """Ports on the host's loopback that lead into the node."""
        return self.state / "forwards.json"

    @property
    def control_socket(self) -> Path:
        """Unix socket on which PID 1 of the node answers."""
        return self.run / "control.sock"

    @property
    def init_record(self) -> Path:
        """Host's process id of the node's PID 1, with its start time."""
        return self.run / "init.json"

    @property
    def spec_file(self) -> Path:
        """What PID 1 mounts and starts."""
        return self.run / "spec.json"

    @property
    def api_mark(self) -> Path:
        """Exists since the API server was ready with its roles for the first time in this boot.

        Clients started earlier are refused for want of a role, and some of them give up.
        """
        return self.run / "api-ready"

    @property
    def disks(self) -> tuple[tuple[Path, str], ...]:
        """Folders of the state and where they appear inside the node."""
        return (
            (self.pki, INSIDE_PKI),
            (self.config, INSIDE_CONFIG),
            (self.state / "etcd", INSIDE_ETCD),
            (self.state / "containerd", INSIDE_CONTAINERD),
            (self.state / "kubelet", INSIDE_KUBELET),
            (self.state / "registry", INSIDE_REGISTRY),
            (self.state / "volumes", INSIDE_VOLUMES),
            (self.logs, INSIDE_LOGS),
            (self.logs / "pods", INSIDE_POD_LOGS),
        )
