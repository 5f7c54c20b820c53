"""Command lines of everything that runs on the node."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from toolchain.node.layout import (
    API_PORT,
    CONTAINERD_SOCKET,
    INSIDE_CONFIG,
    INSIDE_ETCD,
    INSIDE_LOGS,
    INSIDE_PKI,
    INSIDE_VOLUME_PLUGINS,
    NODE_ADDRESS,
    POD_CIDR,
    SERVICE_CIDR,
    NodeLayout,
)
from toolchain.node.spec import Process

ETCD_CLIENT = "127.0.0.1:2379"
ETCD_METRICS = "127.0.0.1:2381"
API_PROCESS = "forward-api"
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_API_LISTENS = f"tcp:127.0.0.1:{API_PORT}"


def digest(folders: Iterable[Path], patterns: Iterable[str]) -> str:
    """Digest of the files that match, so that a change of configuration restarts what reads it."""
    result = hashlib.sha256()
    for folder in folders:
        for pattern in patterns:
            for path in sorted(folder.glob(pattern)):
                result.update(path.name.encode() + b"\0" + path.read_bytes())
    return result.hexdigest()[:16]


def _after_roles(layout: NodeLayout) -> tuple[str, ...]:
    return (_API_LISTENS, f"file:{layout.api_mark}")


def _etcd(layout: NodeLayout, stamp: str) -> Process:
    tls = f"{INSIDE_PKI}/etcd"
    return Process(
        "etcd",
        (
            str(layout.tools["etcd"]),
            f"--data-dir={INSIDE_ETCD}",
            f"--listen-client-urls=https://{ETCD_CLIENT}",
            f"--advertise-client-urls=https://{ETCD_CLIENT}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            f"--listen-metrics-urls=http://{ETCD_METRICS}",
            f"--cert-file={tls}.crt",
            f"--key-file={tls}.key",
            f"--trusted-ca-file={INSIDE_PKI}/etcd-ca.crt",
            "--client-cert-auth",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=30m",
            "--snapshot-count=10000",
            "--log-level=warn",
        ),
        stamp=stamp,
    )


def _apiserver(layout: NodeLayout, stamp: str) -> Process:
    pki, config = INSIDE_PKI, INSIDE_CONFIG
    return Process(
        "kube-apiserver",
        (
            str(layout.tools["kube-apiserver"]),
            f"--advertise-address={NODE_ADDRESS}",
            f"--secure-port={API_PORT}",
            f"--etcd-servers=https://{ETCD_CLIENT}",
            f"--etcd-cafile={pki}/etcd-ca.crt",
            f"--etcd-certfile={pki}/etcd-client.crt",
            f"--etcd-keyfile={pki}/etcd-client.key",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            f"--client-ca-file={pki}/ca.crt",
            f"--tls-cert-file={pki}/apiserver.crt",
            f"--tls-private-key-file={pki}/apiserver.key",
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
            f"--service-account-key-file={pki}/service-account.pub",
            f"--service-account-signing-key-file={pki}/service-account.key",
            "--anonymous-auth=false",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            "--kubelet-preferred-address-types=InternalIP",
            f"--encryption-provider-config={config}/encryption.json",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            f"--proxy-client-cert-file={pki}/front-proxy-client.crt",
            f"--proxy-client-key-file={pki}/front-proxy-client.key",
            "--enable-aggregator-routing=true",
            "--allow-privileged=true",
            "--profiling=false",
            f"--audit-policy-file={config}/audit-policy.json",
            f"--audit-log-path={INSIDE_LOGS}/audit.json",
            "--audit-log-maxsize=16",
            "--audit-log-maxbackup=2",
        ),
        stamp=stamp,
        stateless=True,
    )


def _control(layout: NodeLayout, stamp: str) -> list[Process]:
    def delegated(name: str) -> tuple[str, ...]:
        kubeconfig = f"{INSIDE_CONFIG}/{name}.kubeconfig"
        return (
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--tls-cert-file={INSIDE_PKI}/{name}.crt",
            f"--tls-private-key-file={INSIDE_PKI}/{name}.key",
            "--bind-address=127.0.0.1",
            "--leader-elect=false",
            "--profiling=false",
            "--kube-api-qps=100",
            "--kube-api-burst=200",
        )

    return [
        Process(
            "kube-controller-manager",
            (
                str(layout.tools["kube-controller-manager"]),
                *delegated("controller-manager"),
                f"--service-account-private-key-file={INSIDE_PKI}/service-account.key",
                f"--root-ca-file={INSIDE_PKI}/ca.crt",
                f"--cluster-signing-cert-file={INSIDE_PKI}/ca.crt",
                f"--cluster-signing-key-file={INSIDE_PKI}/ca.key",
                "--use-service-account-credentials",
                "--allocate-node-cidrs=true",
                f"--cluster-cidr={POD_CIDR}",
                f"--service-cluster-ip-range={SERVICE_CIDR}",
                "--terminated-pod-gc-threshold=100",
                # Its default lies in /usr, where it would make a folder on the host.
                f"--flex-volume-plugin-dir={INSIDE_VOLUME_PLUGINS}",
            ),
            after=_after_roles(layout),
            stamp=stamp,
        ),
        Process(
            "kube-scheduler",
            (str(layout.tools["kube-scheduler"]), *delegated("scheduler")),
            after=_after_roles(layout),
            stamp=stamp,
        ),
    ]


def _node_side(layout: NodeLayout, stamp: str) -> list[Process]:
    config = INSIDE_CONFIG
    return [
        Process("containerd", ("containerd", "--config", f"{config}/containerd.toml"), stamp=stamp),
        Process("registry", ("docker-registry", "serve", f"{config}/registry.json"), stamp=stamp),
        Process(
            "kubelet",
            (
                str(layout.tools["kubelet"]),
                f"--config={config}/kubelet.json",
                f"--kubeconfig={config}/kubelet.kubeconfig",
                f"--hostname-override={layout.name}",
                f"--node-ip={NODE_ADDRESS}",
            ),
            after=(f"unix:{CONTAINERD_SOCKET}", _API_LISTENS),
            stamp=stamp,
        ),
        Process(
            "kube-proxy",
            (str(layout.tools["kube-proxy"]), f"--config={config}/proxy.json"),
            after=(_API_LISTENS,),
            stamp=stamp,
        ),
        Process(
            "kube-router",
            (
                str(layout.tools["kube-router"]),
                "--run-firewall=true",
                "--run-router=false",
                "--run-service-proxy=false",
                "--run-loadbalancer=false",
                f"--kubeconfig={config}/router.kubeconfig",
                f"--hostname-override={layout.name}",
                f"--service-cluster-ip-range={SERVICE_CIDR}",
                "--iptables-sync-period=1m",
                "--cache-sync-timeout=30s",
                "--metrics-port=0",
            ),
            env={"NODE_NAME": layout.name},
            after=_after_roles(layout),
            stamp=stamp,
        ),
    ]


def _forward(name: str, port: int, target: str) -> Process:
    return Process(
        f"forward-{name}",
        (sys.executable, "-m", "toolchain.node.forward", "--port", str(port), "--to", target),
        env={"PYTHONPATH": str(PACKAGE_ROOT)},
        host_net=True,
    )


def all_processes(layout: NodeLayout, forwards: Mapping[str, tuple[int, str]]) -> tuple[Process, ...]:
    """What the node runs.

    Args:
        layout: The node; its rendered configuration and certificates must be there, since their
            digests are part of what is wanted.
        forwards: By name, a port of the host's loopback and the target ``HOST:PORT`` inside.
    """
    control = digest([layout.pki, layout.config], ["*.crt", "*.pub", "encryption.json", "audit-policy.json"])
    node = digest(
        [layout.pki, layout.config, layout.config / "cni"],
        ["kubelet.crt", "ca.crt", "kubelet.json", "containerd.toml", "proxy.json", "*.conflist", "registry.json"],
    )
    return (
        _etcd(layout, digest([layout.pki], ["etcd*.crt"])),
        _apiserver(layout, control),
        *_control(layout, control),
        *_node_side(layout, node),
        *(_forward(name, port, target) for name, (port, target) in sorted(forwards.items())),
    )
