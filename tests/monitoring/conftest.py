"""A kubeconfig that leads nowhere, and the agent's own test bed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.echo.conftest import postgres
from tests.replica_agent.conftest import api, models, ollama, proxy, registry, rig, running_proxy
from tests.unit.components.conftest import write_kubeconfig

__all__ = ["api", "models", "ollama", "postgres", "proxy", "registry", "rig", "running_proxy"]


@pytest.fixture
def local_kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """KUBECONFIG is a file whose current context is a local cluster."""
    name = "echorator-0123abcd"
    path = write_kubeconfig(tmp_path / "kubeconfig", {name: "https://127.0.0.1:6443"}, name)
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path
