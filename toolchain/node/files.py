"""Configuration files of every component, rendered from the layout. Pure but for random keys."""

from __future__ import annotations

import base64
import json
from typing import Any

from toolchain.node.layout import (
    CLUSTER_DOMAIN,
    CONTAINERD_SOCKET,
    DNS_SERVICE,
    INSIDE_CONFIG,
    INSIDE_CONTAINERD,
    INSIDE_PKI,
    INSIDE_REGISTRY,
    INSIDE_VOLUME_PLUGINS,
    NODE_ADDRESS,
    NODE_POD_CIDR,
    POD_CIDR,
    REGISTRY_PORT,
)
from toolchain.node.pki import api_url

PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
MIRRORED = ("docker.io", "ghcr.io", "quay.io", "registry.k8s.io")
REGISTRY = f"http://{NODE_ADDRESS}:{REGISTRY_PORT}"

# kubelet wants these for the whole machine. The node sees them as set, the host keeps its own.
KERNEL_SETTINGS = (
    ("/proc/sys/vm/overcommit_memory", "1"),
    ("/proc/sys/vm/panic_on_oom", "0"),
    ("/proc/sys/kernel/panic", "10"),
    ("/proc/sys/kernel/panic_on_oops", "1"),
    ("/proc/sys/kernel/keys/root_maxkeys", "1000000"),
    ("/proc/sys/kernel/keys/root_maxbytes", "25000000"),
)


def as_text(document: dict[str, Any]) -> str:
    """JSON, which every reader of YAML takes."""
    return json.dumps(document, indent=1) + "\n"


def inside_kubeconfig(certificate: str) -> str:
    """Kubeconfig of a component; names files, so that a renewed certificate is picked up."""
    return as_text(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": "local",
                    "cluster": {"server": api_url(), "certificate-authority": f"{INSIDE_PKI}/ca.crt"},
                }
            ],
            "users": [
                {
                    "name": certificate,
                    "user": {
                        "client-certificate": f"{INSIDE_PKI}/{certificate}.crt",
                        "client-key": f"{INSIDE_PKI}/{certificate}.key",
                    },
                }
            ],
            "contexts": [{"name": "local", "context": {"cluster": "local", "user": certificate}}],
            "current-context": "local",
        }
    )


def host_kubeconfig(name: str, port: int, ca: bytes, crt: bytes, key: bytes) -> str:
    """Administrator's kubeconfig for the host; carries its key, so the file must be 0600."""
    return as_text(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [
                {
                    "name": name,
                    "cluster": {
                        "server": api_url(port),
                        "certificate-authority-data": base64.b64encode(ca).decode(),
                    },
                }
            ],
            "users": [
                {
                    "name": name,
                    "user": {
                        "client-certificate-data": base64.b64encode(crt).decode(),
                        "client-key-data": base64.b64encode(key).decode(),
                    },
                }
            ],
            "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
            "current-context": name,
        }
    )


def encryption(key: bytes) -> str:
    """Secrets at rest are encrypted with this 32 byte key."""
    provider = {"secretbox": {"keys": [{"name": "key1", "secret": base64.b64encode(key).decode()}]}}
    return as_text(
        {
            "apiVersion": "apiserver.config.k8s.io/v1",
            "kind": "EncryptionConfiguration",
            "resources": [{"resources": ["secrets"], "providers": [provider, {"identity": {}}]}],
        }
    )


def audit_policy() -> str:
    """Who changed what; no bodies (they hold secrets), no reads of the node's own components."""
    components = [
        "system:apiserver",
        "system:kube-controller-manager",
        "system:kube-scheduler",
        "system:kube-proxy",
        "echorator:kube-router",
    ]
    return as_text(
        {
            "apiVersion": "audit.k8s.io/v1",
            "kind": "Policy",
            "omitStages": ["RequestReceived"],
            "rules": [
                {"level": "None", "resources": [{"group": "", "resources": ["events"]}]},
                {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
                {"level": "Metadata", "resources": [{"group": "", "resources": ["secrets"]}]},
                {"level": "None", "verbs": ["get", "list", "watch"], "users": components},
                {"level": "None", "verbs": ["get", "list", "watch"], "userGroups": ["system:nodes"]},
                {"level": "None", "nonResourceURLs": ["/livez*", "/readyz*", "/healthz*", "/version", "/openapi*"]},
                {"level": "Metadata"},
            ],
        }
    )


def containerd(*, restrict_oom_score: bool) -> str:
    """Configuration of containerd 1.6.

    Args:
        restrict_oom_score: Where CAP_SYS_RESOURCE is missing, runc may not lower a process's OOM
            score, and without this every pod sandbox fails with "can't get final child's PID from pipe".
    """
    return f"""version = 2
root = "{INSIDE_CONTAINERD}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs"]

[grpc]
  address = "{CONTAINERD_SOCKET}"
[debug]
  level = "warn"
[plugins."io.containerd.internal.v1.opt"]
  path = "{INSIDE_CONTAINERD}/opt"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = {str(restrict_oom_score).lower()}
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{INSIDE_CONFIG}/cni"
  [plugins."io.containerd.grpc.v1.cri".registry]
    config_path = "{INSIDE_CONFIG}/certs.d"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    discard_unpacked_layers = true
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
"""


def hosts_toml() -> str:
    """Sends a registry's pulls to the node's own; ``server`` too, so that a miss never goes outside."""
    return f"""server = "{REGISTRY}"

[host."{REGISTRY}"]
  capabilities = ["pull", "resolve"]
"""


def registry(secret: str) -> str:
    """Debian's docker-registry (distribution 2.8)."""
    return as_text(
        {
            "version": "0.1",
            "log": {"level": "warn", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": INSIDE_REGISTRY},
                "delete": {"enabled": True},
                "cache": {"blobdescriptor": "inmemory"},
            },
            "http": {"addr": f"{NODE_ADDRESS}:{REGISTRY_PORT}", "secret": secret},
        }
    )


def cni() -> str:
    """Pods on a bridge. Addresses are noted on a tmpfs: after a kill none is held by a dead pod."""
    return as_text(
        {
            "cniVersion": "1.0.0",
            "name": "pods",
            "plugins": [
                {
                    "type": "bridge",
                    "bridge": "cni0",
                    "isGateway": True,
                    "hairpinMode": True,
                    "ipam": {
                        "type": "host-local",
                        "dataDir": "/run/cni/addresses",
                        "ranges": [[{"subnet": NODE_POD_CIDR}]],
                        "routes": [{"dst": "0.0.0.0/0"}],
                    },
                },
                {"type": "portmap", "capabilities": {"portMappings": True}},
            ],
        }
    )


def kubelet(cgroup: str, *, oom_score: int) -> str:
    """Configuration of kubelet 1.34."""
    return as_text(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{INSIDE_PKI}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{INSIDE_PKI}/kubelet.crt",
            "tlsPrivateKeyFile": f"{INSIDE_PKI}/kubelet.key",
            "address": NODE_ADDRESS,
            "clusterDNS": [DNS_SERVICE],
            "clusterDomain": CLUSTER_DOMAIN,
            "resolvConf": f"{INSIDE_CONFIG}/resolv.conf",
            "containerRuntimeEndpoint": f"unix://{CONTAINERD_SOCKET}",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{cgroup}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "protectKernelDefaults": True,
            "makeIPTablesUtilChains": False,
            "oomScoreAdj": oom_score,
            "volumePluginDir": INSIDE_VOLUME_PLUGINS,
            "serializeImagePulls": False,
            "maxParallelImagePulls": 4,
            "registryPullQPS": 0,
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            # Mild: the disk is the host's, and what fills it may be no doing of the pods.
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "500Mi",
                "imagefs.available": "500Mi",
                "nodefs.inodesFree": "1%",
            },
            "systemReserved": {"memory": "1Gi"},
            "enforceNodeAllocatable": ["pods"],
            "podPidsLimit": 4096,
            "nodeStatusUpdateFrequency": "2s",
            "nodeStatusReportFrequency": "1m",
            "syncFrequency": "15s",
            # After a reboot pods start beside kube-proxy; one that lost that race must not wait minutes.
            "featureGates": {"KubeletCrashLoopBackOffMax": True},
            "crashLoopBackOff": {"maxContainerRestartPeriod": "10s"},
            "containerLogMaxSize": "10Mi",
            "containerLogMaxFiles": 3,
        }
    )


def kube_proxy(node_name: str) -> str:
    """kube-proxy in nftables mode; leaves the host-wide conntrack table sizes alone."""
    return as_text(
        {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": POD_CIDR,
            "clientConnection": {"kubeconfig": f"{INSIDE_CONFIG}/proxy.kubeconfig"},
            "hostnameOverride": node_name,
            "healthzBindAddress": "127.0.0.1:10256",
            "metricsBindAddress": "127.0.0.1:10249",
            "oomScoreAdj": 0,
            "nftables": {"minSyncPeriod": "100ms", "syncPeriod": "30s"},
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }
    )
