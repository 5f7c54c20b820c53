"""What lies at the same place in the state of every local cluster."""

from __future__ import annotations

from pathlib import Path


class ClusterLayout:
    """Names and folders that a layout has by its fields ``state`` and ``id``."""

    state: Path
    id: str

    @property
    def name(self) -> str:
        """The kubeconfig's context, which the stack takes for a local cluster; also of the node and its cgroup."""
        return f"echorator-{self.id}"

    @property
    def kubeconfig(self) -> Path:
        """Administrator's kubeconfig for the host, mode 0600."""
        return self.state / "kubeconfig"

    @property
    def pki(self) -> Path:
        """Certificate authorities, certificates and keys."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """Rendered configuration of every process."""
        return self.state / "config"

    @property
    def logs(self) -> Path:
        """One bounded log a process; a node's also hold its pods'."""
        return self.state / "logs"
