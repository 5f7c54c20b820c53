"""The cluster and one stack with three replicas, for measuring."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import prepared
from tests.support.kube import Kube
from tests.support.stack import LiveStack

REPLICAS = 3
MODEL = "smollm2:135m"
SETTINGS = {
    "environment": "dev",
    "modelStore": {
        "storage": "2Gi",
        "upstreams": [
            {"host": "registry.ollama.ai", "mirrors": ["http://mirror.local-registry.svc.cluster.local:5000"]}
        ],
    },
}
SMALL = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}}


FREE = "free"
"""The server whose models the measurements themselves bring and remove."""


def settings(replicas: int) -> dict[str, object]:
    """The configuration of a stack with a server that has the model, and one that has none and lets clients pull."""
    server: dict[str, object] = {"replicas": replicas, "resources": SMALL, "storage": "1Gi"}
    chat = {**server, "name": "chat", "models": [{"name": MODEL}]}
    return {**SETTINGS, "servers": [chat, {**server, "name": FREE, "clientsMayManageModels": True}]}


@pytest.fixture(scope="session")
def kube() -> Iterator[Kube]:
    with Kube(prepared.engine().kubeconfig) as client:
        yield client


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """A deployed stack with three replicas; destroyed at the end."""
    name = f"bench-{secrets.token_hex(3)}"
    found = LiveStack(prepared.engine(), Path(tmp_path_factory.mktemp(name, numbered=False)), name)
    try:
        found.configure(settings(REPLICAS))
        found.up()
        yield found
    finally:
        found.end()
