"""Command lines of everything that runs in the reduced mode."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from components import ollama_server_objects
from toolchain.node.layout import POD_CIDR, SERVICE_CIDR
from toolchain.node.processes import PACKAGE_ROOT, digest
from toolchain.node.spec import Process
from toolchain.reduced import ports
from toolchain.reduced.layout import ReducedLayout
from toolchain.reduced.objects import NODE_ANNOTATION

Ports = Mapping[str, int]


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
            f"--listen-metrics-urls=http://127.0.0.1:{port[ports.ETCD_METRICS]}",
            f"--cert-file={tls}.crt",
            f"--key-file={tls}.key",
            f"--trusted-ca-file={authority}",
            "--client-cert-auth",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=30m",
            "--log-level=warn",
        ),
        stamp=digest([layout.pki], ["etcd*.crt"]),
    )


def _apiserver(layout: ReducedLayout, port: Ports, stamp: str) -> Process:
    pki, config = layout.pki, layout.config
    return Process(
        "kube-apiserver",
        (
            str(layout.tools["kube-apiserver"]),
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            # A loopback address may not be an endpoint, and nothing in the cluster could reach one.
            "--endpoint-reconciler-type=none",
            f"--secure-port={port[ports.API]}",
            f"--etcd-servers=https://127.0.0.1:{port[ports.ETCD]}",
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
            # As on a real cluster: Pod Security is what refuses a privileged pod.
            "--allow-privileged=true",
            f"--encryption-provider-config={config}/encryption.json",
            f"--requestheader-client-ca-file={pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            "--profiling=false",
            f"--audit-policy-file={config}/audit-policy.json",
            f"--audit-log-path={layout.logs}/audit.json",
            "--audit-log-maxsize=16",
            "--audit-log-maxbackup=2",
        ),
        stamp=stamp,
        stateless=True,
    )


def _control(layout: ReducedLayout, port: Ports, stamp: str) -> list[Process]:
    after = (f"tcp:127.0.0.1:{port[ports.API]}", f"file:{layout.api_mark}")

    def delegated(name: str) -> tuple[str, ...]:
        kubeconfig = f"{layout.config}/{name}.kubeconfig"
        return (
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--tls-cert-file={layout.pki}/{name}.crt",
            f"--tls-private-key-file={layout.pki}/{name}.key",
            "--bind-address=127.0.0.1",
            f"--secure-port={port[name]}",
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
                *delegated(ports.CONTROLLERS),
                f"--service-account-private-key-file={layout.pki}/service-account.key",
                f"--root-ca-file={layout.pki}/ca.crt",
                f"--cluster-signing-cert-file={layout.pki}/ca.crt",
                f"--cluster-signing-key-file={layout.pki}/ca.key",
                "--use-service-account-credentials",
                "--allocate-node-cidrs=true",
                f"--cluster-cidr={POD_CIDR}",
                f"--service-cluster-ip-range={SERVICE_CIDR}",
                "--terminated-pod-gc-threshold=100",
                # Its default lies in /usr, which is not ours to write.
                f"--flex-volume-plugin-dir={layout.state}/volumeplugins",
            ),
            after=after,
            stamp=stamp,
        ),
        Process(
            "kube-scheduler",
            (str(layout.tools["kube-scheduler"]), *delegated(ports.SCHEDULER)),
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
    settings = {entry["name"]: entry["value"] for entry in ollama_server_objects.environment()}
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
