"""Where the reduced mode's files lie: all below one folder of the checkout's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.node.cluster_layout import ClusterLayout

CONTROL_TOOLS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")
REQUIRED_TOOLS = (*CONTROL_TOOLS, "ollama")


@dataclass(frozen=True)
class ReducedLayout(ClusterLayout):
    """Folders and programs.

    Attributes:
        state: Everything that is written; survives ``down`` but for ``run``.
        id: Tells this checkout from others on the machine.
        tools: Absolute paths of ``REQUIRED_TOOLS`` and of the wheels with the models' weights.
    """

    state: Path
    id: str
    tools: Mapping[str, Path]

    @property
    def run(self) -> Path:
        """Control socket and records of what runs; emptied by ``down``."""
        return self.state / "run"

    @property
    def etcd(self) -> Path:
        """The cluster's database."""
        return self.state / "etcd"

    @property
    def ollama(self) -> Path:
        """Ollama's home: its key and its models."""
        return self.state / "ollama"

    @property
    def store(self) -> Path:
        """The model store's volume."""
        return self.state / "store"

    @property
    def models_record(self) -> Path:
        """Which models were made from which inputs."""
        return self.state / "models.json"

    @property
    def ports_file(self) -> Path:
        """The ports of loopback that are ours, by name."""
        return self.state / "ports.json"

    @property
    def mark_file(self) -> Path:
        """The mark that our processes carry in their environment."""
        return self.state / "mark"

    @property
    def lock_file(self) -> Path:
        """Held while a command changes what runs."""
        return self.state / "lock"

    @property
    def spec_file(self) -> Path:
        """What the supervisor begins with."""
        return self.run / "spec.json"

    @property
    def record(self) -> Path:
        """The supervisor's process id and start time."""
        return self.run / "supervisor.json"

    @property
    def api_mark(self) -> Path:
        """Exists since the API server was ready in this run: some clients that start before give up."""
        return self.run / "api-ready"

    @property
    def folders(self) -> tuple[Path, ...]:
        """Every folder, each for the user alone."""
        return (self.state, self.pki, self.config, self.logs, self.run, self.etcd, self.ollama, self.store)
