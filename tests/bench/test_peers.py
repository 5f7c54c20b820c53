"""Measures how long each way takes from its command to the first answer of every replica, on one cluster and registry.

Also how many bytes of models it fetches, and how many when an upgrade changes nothing. ECHORATOR_HELM names a helm
program and ECHORATOR_PEER_CHART the folder of otwld/ollama-helm's chart; without them only the other ways run. What it
does not show: models of many gigabytes, and more than one node.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest
from rich.console import Console
from rich.table import Table

from tests.bench import peers
from tests.bench.conftest import MODEL, SMALL
from tests.support import prepared
from tests.support.kube import Item, Kube, is_ready, wait_for
from tests.support.stack import LiveStack

LIMIT_S = 300.0
SCALES = (1, 3)
OURS = "Echorator"


class Way(Protocol):
    """One way to deploy a model."""

    name: str
    model: str
    """As clients of its replicas call it."""
    namespace: str
    selector: str
    """Of the replicas' pods."""

    def install(self, replicas: int) -> None:
        """Deploy."""
        ...

    def upgrade(self, replicas: int) -> None:
        """Change nothing but an annotation of the pods."""
        ...

    def remove(self) -> None:
        """Take everything away."""
        ...


class Echorator:
    """Our own: `pulumi up` of a new stack, then of the same one."""

    name = OURS
    model = MODEL
    selector = "app.kubernetes.io/name%3Dollama"

    def __init__(self, address: str, folders: pytest.TempPathFactory) -> None:
        name = f"bench-{secrets.token_hex(3)}"
        self._stack = LiveStack(prepared.engine(), Path(folders.mktemp(name, numbered=False)), name)
        self._address = address
        self.namespace = self._stack.namespace

    def install(self, replicas: int) -> None:
        """Deploy."""
        self._up(replicas, "first")

    def upgrade(self, replicas: int) -> None:
        """Change nothing but an annotation of the pods."""
        self._up(replicas, "second")

    def remove(self) -> None:
        """Take everything away."""
        self._stack.end()

    def _up(self, replicas: int, turn: str) -> None:
        server: dict[str, Any] = {
            "name": "chat",
            "replicas": replicas,
            "resources": SMALL,
            "storage": "1Gi",
            "models": [{"name": MODEL}],
            "pod": {"annotations": {"example.com/turn": turn}},
        }
        upstream = {"host": "registry.ollama.ai", "mirrors": [f"http://{self._address}"]}
        store = {"storage": "2Gi", "upstreams": [upstream]}
        self._stack.configure({"environment": "dev", "modelStore": store, "servers": [server]})
        self._stack.up()


@dataclass(frozen=True)
class Figures:
    """Of one way at one scale, deployed and then upgraded without a change; sizes in bytes."""

    name: str
    replicas: int
    first: Answered
    size: float
    again: Answered
    again_size: float


@pytest.fixture(scope="module")
def registry(kube: Kube) -> Iterator[tuple[str, str]]:
    """Namespace and address of a registry that counts what it serves."""
    namespace = f"bench-registry-{secrets.token_hex(3)}"
    kube.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    try:
        yield namespace, peers.counting_registry(kube, namespace)
    finally:
        kube.delete_namespace(namespace)


def ways(kube: Kube, address: str, folders: pytest.TempPathFactory) -> Iterator[Way]:
    """Each way, with a place of its own, one after the other."""
    reference = f"{address}/library/{MODEL}"
    helm, chart = os.environ.get("ECHORATOR_HELM"), os.environ.get("ECHORATOR_PEER_CHART")
    if helm and chart:
        yield peers.Helm(kube, reference, Path(chart), helm)
    yield peers.Operator(kube, reference)
    yield Echorator(address, folders)


@dataclass(frozen=True)
class Answered:
    """When the last replica of a way answered.

    Attributes:
        uids: of the pods.
        alone_s: asked at its pod, past its Service, as no client does.
        served_s: asked when its pod was Ready, so that a Service sends clients there.
    """

    uids: frozenset[str]
    alone_s: float
    served_s: float


def all_answer(kube: Kube, way: Way, replicas: int, but: frozenset[str], begun: float) -> Answered:
    """Wait until that many Ready pods, none of them in `but`, have each answered a prompt."""
    path = f"/api/v1/namespaces/{way.namespace}/pods"
    alone: dict[str, float] = {}
    body = {"model": way.model, "prompt": "Hi", "stream": False, "options": {"num_predict": 1}}

    def look() -> Answered | None:
        found: list[Item] = kube.items(f"{path}?labelSelector={way.selector}")
        for pod in found:
            uid, name = pod["metadata"]["uid"], pod["metadata"]["name"]
            if uid in alone or uid in but or "deletionTimestamp" in pod["metadata"]:
                continue
            if kube.request("POST", f"{path}/{name}:11434/proxy/api/generate", body).is_success:
                alone[uid] = time.monotonic() - begun
        served = frozenset(pod["metadata"]["uid"] for pod in found if is_ready(pod)) & alone.keys()
        if len(served) < replicas:
            return None
        return Answered(served, max(alone[uid] for uid in served), time.monotonic() - begun)

    return wait_for(f"{replicas} replicas of {way.name} answer", look, LIMIT_S)


def measured(kube: Kube, counter: str, way: Way, replicas: int) -> Figures:
    """Deploy, upgrade and take away."""
    try:
        before, begun = peers.served_bytes(kube, counter), time.monotonic()
        way.install(replicas)
        first = all_answer(kube, way, replicas, frozenset(), begun)
        size = peers.served_bytes(kube, counter) - before
        before, begun = peers.served_bytes(kube, counter), time.monotonic()
        way.upgrade(replicas)
        again = all_answer(kube, way, replicas, first.uids, begun)
        return Figures(way.name, replicas, first, size, again, peers.served_bytes(kube, counter) - before)
    finally:
        way.remove()


@pytest.mark.timeout(1800)
def test_peers(kube: Kube, registry: tuple[str, str], tmp_path_factory: pytest.TempPathFactory) -> None:
    counter, address = registry
    # Every way finds its image on the node and the registry filled.
    peers.warm(kube, counter, peers.push_shell_image(), f"{address}/library/{MODEL}")
    found = [
        measured(kube, counter, way, replicas) for replicas in SCALES for way in ways(kube, address, tmp_path_factory)
    ]
    show(found)
    own = [one for one in found if one.name == OURS]
    for one in own:
        assert one.size < 1.02 * own[0].size + 100_000, f"{one.replicas} replicas cost more than one download"
        assert one.again_size < 100_000, "an upgrade that changes nothing pulled again"


def show(found: list[Figures]) -> None:
    columns = ("way", "replicas", "served after, s", "at the pods, s", "MB", "no-change upgrade, s", "MB", "ours / it")
    table = Table(*columns, title=MODEL)
    for one in found:
        mine = next(other.first for other in found if other.name == OURS and other.replicas == one.replicas)
        table.add_row(
            one.name,
            str(one.replicas),
            f"{one.first.served_s:.1f}",
            f"{one.first.alone_s:.1f}",
            f"{one.size / 1e6:.1f}",
            f"{one.again.served_s:.1f}",
            f"{one.again_size / 1e6:.1f}",
            f"{mine.served_s / one.first.served_s:.2f}",
        )
    console = Console(width=120, highlight=False)
    console.print()
    console.print(table)
