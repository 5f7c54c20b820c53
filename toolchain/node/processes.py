"""Command lines of everything that runs on the node."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from toolchain.node.control_plane import ControlPlane
from toolchain.node.layout import (
    API_PORT,
    CONTAINERD_SOCKET,
    INSIDE_CONFIG,
    INSIDE_ETCD,
    INSIDE_LOGS,
    INSIDE_PKI,
    INSIDE_VOLUME_PLUGINS,
    NODE_ADDRESS,
    SERVICE_CIDR,
    NodeLayout,
)
from toolchain.node.spec import Process

ETCD_CLIENT = "127.0.0.1:2379"
ETCD_METRICS = "127.0.0.1:2381"
API_PROCESS = "forward-api"
PACKAGE_ROOT = Path(__file__).resolve().parents[2]
_CONTROL_PLANE = ControlPlane(INSIDE_PKI, INSIDE_CONFIG, INSIDE_LOGS)
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
    return Process(
        "etcd",
        (
            str(layout.tools["etcd"]),
            f"--data-dir={INSIDE_ETCD}",
            f"--listen-client-urls=https://{ETCD_CLIENT}",
            f"--advertise-client-urls=https://{ETCD_CLIENT}",
            "--listen-peer-urls=http://127.0.0.1:2380",
            *_CONTROL_PLANE.etcd(ETCD_METRICS),
            "--snapshot-count=10000",
            "--log-level=warn",
        ),
        stamp=stamp,
    )


def _apiserver(layout: NodeLayout, stamp: str) -> Process:
    pki = INSIDE_PKI
    return Process(
        "kube-apiserver",
        (
            str(layout.tools["kube-apiserver"]),
            f"--advertise-address={NODE_ADDRESS}",
            *_CONTROL_PLANE.api_server(API_PORT, ETCD_CLIENT),
            f"--kubelet-client-certificate={pki}/apiserver-kubelet-client.crt",
            f"--kubelet-client-key={pki}/apiserver-kubelet-client.key",
            f"--kubelet-certificate-authority={pki}/ca.crt",
            "--kubelet-preferred-address-types=InternalIP",
            *_CONTROL_PLANE.request_headers(),
            "--enable-aggregator-routing=true",
            "--allow-privileged=true",
            *_CONTROL_PLANE.audit(),
        ),
        stamp=stamp,
        stateless=True,
    )


def _control(layout: NodeLayout, stamp: str) -> list[Process]:
    return [
        Process(
            "kube-controller-manager",
            (
                str(layout.tools["kube-controller-manager"]),
                *_CONTROL_PLANE.controller_manager(None, INSIDE_VOLUME_PLUGINS),
            ),
            after=_after_roles(layout),
            stamp=stamp,
        ),
        Process(
            "kube-scheduler",
            (str(layout.tools["kube-scheduler"]), *_CONTROL_PLANE.scheduler(None)),
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
