"""Command lines of everything that runs in the reduced mode."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from components.ollama_environment import environment
from components.settings.server import OllamaSettings
from toolchain.node.control_plane import ControlPlane
from toolchain.node.layout import POD_CIDR
from toolchain.node.processes import PACKAGE_ROOT, digest
from toolchain.node.spec import Process
from toolchain.reduced import ports
from toolchain.reduced.layout import ReducedLayout
from toolchain.reduced.objects import NODE_ANNOTATION

Ports = Mapping[str, int]


def _control_plane(layout: ReducedLayout) -> ControlPlane:
    return ControlPlane(layout.pki, layout.config, layout.logs)


def _etcd(layout: ReducedLayout, port: Ports) -> Process:
    tls, authority = f"{layout.pki}/etcd", f"{layout.pki}/etcd-ca.crt"
    client, peer = (f"https://127.0.0.1:{port[name]}" for name in (ports.ETCD, ports.ETCD_PEER))
    return Process(
        "etcd",
        (
            str(layout.tools["etcd"]),
            f"--data-dir={layout.etcd}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            # Other users of the machine reach loopback, and whoever reaches an open peer port can write.
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            f"--peer-cert-file={tls}.crt",
            f"--peer-key-file={tls}.key",
            f"--peer-trusted-ca-file={authority}",
            "--peer-client-cert-auth",
            *_control_plane(layout).etcd(f"127.0.0.1:{port[ports.ETCD_METRICS]}"),
            "--log-level=warn",
        ),
        stamp=digest([layout.pki], ["etcd*.crt"]),
    )


def _apiserver(layout: ReducedLayout, port: Ports, stamp: str) -> Process:
    shared = _control_plane(layout)
    return Process(
        "kube-apiserver",
        (
            str(layout.tools["kube-apiserver"]),
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            # A loopback address may not be an endpoint, and nothing in the cluster could reach one.
            "--endpoint-reconciler-type=none",
            *shared.api_server(port[ports.API], f"127.0.0.1:{port[ports.ETCD]}"),
            # As on a real cluster: Pod Security is what refuses a privileged pod.
            "--allow-privileged=true",
            *shared.request_headers(),
            *shared.audit(),
        ),
        stamp=stamp,
        stateless=True,
    )


def _control(layout: ReducedLayout, port: Ports, stamp: str) -> list[Process]:
    after = (f"tcp:127.0.0.1:{port[ports.API]}", f"file:{layout.api_mark}")
    shared = _control_plane(layout)
    return [
        Process(
            "kube-controller-manager",
            (
                str(layout.tools["kube-controller-manager"]),
                *shared.controller_manager(port[ports.CONTROLLERS], layout.state / "volumeplugins"),
            ),
            after=after,
            stamp=stamp,
        ),
        Process(
            "kube-scheduler",
            (str(layout.tools["kube-scheduler"]), *shared.scheduler(port[ports.SCHEDULER])),
            after=after,
            stamp=stamp,
        ),
        Process(
            "kwok",
            (
                str(layout.tools["kwok"]),
                f"--kubeconfig={layout.kubeconfig}",
                f"--config={layout.config}/kwok.yaml",
                "--manage-all-nodes=false",
                f"--manage-nodes-with-annotation-selector={NODE_ANNOTATION}=fake",
                "--node-lease-duration-seconds=40",
                f"--cidr={POD_CIDR}",
                "--node-ip=127.0.0.1",
                f"--server-address=127.0.0.1:{port[ports.KWOK]}",
                "--v=WARN",
            ),
            after=after,
            stamp=stamp,
        ),
        Process(
            "volumes",
            (sys.executable, "-m", "toolchain.reduced.volumes", str(layout.kubeconfig)),
            env={"PYTHONPATH": str(PACKAGE_ROOT)},
            after=after,
            stamp=stamp,
        ),
    ]


def _models(layout: ReducedLayout, port: Ports) -> list[Process]:
    settings = {entry["name"]: entry["value"] for entry in environment(OllamaSettings())}
    return [
        Process(
            "store",
            (sys.executable, "-m", "model_store", "--config", f"{layout.config}/store.json"),
            env={"PYTHONPATH": str(PACKAGE_ROOT)},
            stamp=digest([layout.config, PACKAGE_ROOT / "model_store"], ["store.json", "*.py"]),
        ),
        Process(
            "ollama",
            (str(layout.tools["ollama"]), "serve"),
            env={
                **settings,
                "OLLAMA_HOST": f"127.0.0.1:{port[ports.OLLAMA]}",
                "HOME": str(layout.ollama),
                "OLLAMA_MODELS": str(layout.ollama / "models"),
            },
        ),
    ]


def all_processes(layout: ReducedLayout, port: Ports) -> tuple[Process, ...]:
    """What runs; the rendered configuration must be there, since its digests are part of what is wanted."""
    stamp = digest(
        [layout.pki, layout.config],
        ["*.crt", "*.pub", "encryption.json", "audit-policy.json", "*.kubeconfig", "kwok.yaml"],
    )
    return (
        _etcd(layout, port),
        _apiserver(layout, port, stamp),
        *_control(layout, port, stamp),
        *_models(layout, port),
    )
