"""Options that the control plane's programs get in the node and in the reduced mode alike."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from toolchain.node.layout import POD_CIDR, SERVICE_CIDR


@dataclass(frozen=True)
class ControlPlane:
    """Folders of the control plane, as its processes see them."""

    pki: str | Path
    config: str | Path
    logs: str | Path

    def etcd(self, metrics: str) -> tuple[str, ...]:
        """Of etcd: who may connect, and how much history it keeps.

        Args:
            metrics: ``HOST:PORT`` for health and metrics.
        """
        return (
            f"--listen-metrics-urls=http://{metrics}",
            f"--cert-file={self.pki}/etcd.crt",
            f"--key-file={self.pki}/etcd.key",
            f"--trusted-ca-file={self.pki}/etcd-ca.crt",
            "--client-cert-auth",
            "--auto-compaction-mode=periodic",
            "--auto-compaction-retention=30m",
        )

    def api_server(self, port: int, etcd: str) -> tuple[str, ...]:
        """Of the API server: where it listens and stores, whom it lets in, and what they may do.

        Args:
            port: It listens on.
            etcd: ``HOST:PORT`` of etcd.
        """
        pki = self.pki
        return (
            f"--secure-port={port}",
            f"--etcd-servers=https://{etcd}",
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
        )

    def request_headers(self) -> tuple[str, ...]:
        """Of the API server: Secrets' encryption, and how it and extension servers know each other's users."""
        return (
            f"--encryption-provider-config={self.config}/encryption.json",
            f"--requestheader-client-ca-file={self.pki}/front-proxy-ca.crt",
            "--requestheader-allowed-names=front-proxy-client",
            "--requestheader-username-headers=X-Remote-User",
            "--requestheader-group-headers=X-Remote-Group",
            "--requestheader-extra-headers-prefix=X-Remote-Extra-",
            # Without them an extension server is not even asked whether it is there.
            f"--proxy-client-cert-file={self.pki}/front-proxy-client.crt",
            f"--proxy-client-key-file={self.pki}/front-proxy-client.key",
        )

    def audit(self) -> tuple[str, ...]:
        """Of the API server: what it tells of itself."""
        return (
            "--profiling=false",
            f"--audit-policy-file={self.config}/audit-policy.json",
            f"--audit-log-path={self.logs}/audit.json",
            "--audit-log-maxsize=16",
            "--audit-log-maxbackup=2",
        )

    def controller_manager(self, port: int | None, volume_plugins: str | Path) -> tuple[str, ...]:
        """Of the controller manager: all.

        Args:
            port: It listens on; None for its own default.
            volume_plugins: A folder that may be made: the default lies in /usr, which is not ours to write.
        """
        return (
            *self._delegated("controller-manager", port),
            f"--service-account-private-key-file={self.pki}/service-account.key",
            f"--root-ca-file={self.pki}/ca.crt",
            f"--cluster-signing-cert-file={self.pki}/ca.crt",
            f"--cluster-signing-key-file={self.pki}/ca.key",
            "--use-service-account-credentials",
            "--allocate-node-cidrs=true",
            f"--cluster-cidr={POD_CIDR}",
            f"--service-cluster-ip-range={SERVICE_CIDR}",
            "--terminated-pod-gc-threshold=100",
            f"--flex-volume-plugin-dir={volume_plugins}",
        )

    def scheduler(self, port: int | None) -> tuple[str, ...]:
        """Of the scheduler: all.

        Args:
            port: It listens on; None for its own default.
        """
        return self._delegated("scheduler", port)

    def _delegated(self, name: str, port: int | None) -> tuple[str, ...]:
        kubeconfig = f"{self.config}/{name}.kubeconfig"
        return (
            f"--kubeconfig={kubeconfig}",
            f"--authentication-kubeconfig={kubeconfig}",
            f"--authorization-kubeconfig={kubeconfig}",
            f"--tls-cert-file={self.pki}/{name}.crt",
            f"--tls-private-key-file={self.pki}/{name}.key",
            "--bind-address=127.0.0.1",
            *(() if port is None else (f"--secure-port={port}",)),
            "--leader-elect=false",
            "--profiling=false",
            "--kube-api-qps=100",
            "--kube-api-burst=200",
        )
