"""The registry that breaks on demand (`registry_server.py`), as a pod with a Service, and the orders it takes."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from components.registries import STORE_PORT
from components.versions import image
from tests.faults.registry_server import Fault
from tests.integration.mirror import Mirror
from tests.support.kube import Item, Kube, wait_for
from tests.support.tiny_model import tiny_gguf
from toolchain.node.layout import REGISTRY_PORT

ADMIN_PORT = 5001
POD = "registry"
UPSTREAM = f"mirror.local-registry.svc.cluster.local:{REGISTRY_PORT}"
_TINY_SEED = 7
_LABELS = {"app": POD}


@dataclass(frozen=True)
class Salted:
    """A model that nobody had before.

    Attributes:
        name: `salted-smollm2:3`; what clients and settings call it.
        digest: of its manifest, as Ollama shows it.
        weights: digest of its largest blob.
        size: of that blob, bytes.
        total: of all its blobs.
    """

    name: str
    digest: str
    weights: str
    size: int
    total: int

    @property
    def manifest_path(self) -> str:
        """Pattern of the request for its manifest."""
        repository, tag = self.name.split(":")
        return f"/library/{repository}/manifests/{tag}$"

    @property
    def blob_path(self) -> str:
        """Pattern of the requests for its weights."""
        return f"/blobs/{self.weights}$"

    @property
    def answers(self) -> bool:
        """Whether it knows the capital of France; a tiny one says noise."""
        return "smollm2" in self.name


@dataclass(frozen=True)
class Seen:
    """What the registry did since the last plan."""

    requests: tuple[str, ...]
    sent: Mapping[str, int]
    harmed: int


class FaultRegistry(Mirror):
    """A mirror with a program behind it, at the same address, while the context is open."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        super().__init__(kube, namespace)
        self._core = f"/api/v1/namespaces/{namespace}"
        self._mark = secrets.token_hex(2)
        self._made = 0

    def __enter__(self) -> Self:
        script = Path(__file__).with_name("registry_server.py").read_text()
        tiny = base64.b64encode(tiny_gguf(_TINY_SEED)).decode()
        self._kube.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        files = {"metadata": {"name": POD}, "data": {"server.py": script}, "binaryData": {"tiny.gguf": tiny}}
        self._kube.create(f"{self._core}/configmaps", files)
        ports = [{"name": "http", "port": REGISTRY_PORT, "targetPort": STORE_PORT}]
        service = {"metadata": {"name": "mirror"}, "spec": {"selector": _LABELS, "ports": ports}}
        self._kube.create(f"{self._core}/services", service)
        self._kube.create(f"{self._core}/pods", _pod())
        try:
            self._kube.wait_ready(self.namespace, POD)
        except AssertionError:
            self._kube.delete_namespace(self.namespace)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kube.delete(f"{self._core}/pods/{POD}", grace_s=0)
        self._kube.delete_namespace(self.namespace)

    @contextmanager
    def broken(self) -> Generator[None]:
        """Close each connection before the first byte of a body."""
        self.plan(Fault("close", "."))
        try:
            yield
        finally:
            self.plan()

    def plan(self, *faults: Fault, rate: float = 0) -> None:
        """From now on: this rate (bytes a second, 0 for no limit), this harm; what was counted is forgotten."""
        orders = {"rate": rate, "faults": [asdict(one) for one in faults]}
        answer = self._kube.request("POST", f"{self._admin}/plan", orders)
        assert answer.is_success, answer.text

    def lift(self) -> None:
        """Send as fast as it can from now on; what was counted stays."""
        answer = self._kube.request("POST", f"{self._admin}/rate", {"rate": 0})
        assert answer.is_success, answer.text

    def seen(self) -> Seen:
        """Return what it did since the last plan."""
        found = self._get("/seen")
        return Seen(tuple(found["requests"]), found["sent"], int(found["harmed"]))

    def fresh(self, base: str = "smollm2") -> Salted:
        """Make a model that nobody has: `smollm2` has 98 MB and answers, `tiny` has half a megabyte and says noise."""
        self._made += 1
        salt = f"{self._mark}-{self._made}"
        return Salted(f"salted-{base}:{salt}", **self._get(f"/model/{base}/{salt}"))

    def wait_sent(self, model: Salted, part: float, limit_s: float = 90) -> None:
        """Wait until this part of a model's weights has left here."""
        wanted = part * model.size
        wait_for(
            f"{part:.0%} of {model.name} is on its way",
            lambda: self.seen().sent.get(model.weights, 0) >= wanted,
            limit_s,
        )

    @property
    def _admin(self) -> str:
        return f"{self._core}/pods/{POD}:{ADMIN_PORT}/proxy"

    def _get(self, path: str) -> Item:
        answer = self._kube.request("GET", f"{self._admin}{path}")
        assert answer.is_success, answer.text
        return cast("Item", answer.json())


def _pod() -> dict[str, Any]:
    container = {
        "name": POD,
        "image": image("runtime"),
        "command": ["/usr/bin/python3.11", "/files/server.py"],
        "args": [UPSTREAM, "/files/tiny.gguf", "0.0.0.0", str(STORE_PORT), str(ADMIN_PORT)],  # noqa: S104
        "readinessProbe": {"httpGet": {"path": "/ready", "port": ADMIN_PORT}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "readOnlyRootFilesystem": True,
        },
        "volumeMounts": [{"name": "files", "mountPath": "/files", "readOnly": True}],
    }
    return {
        "metadata": {"name": POD, "labels": _LABELS},
        "spec": {
            "restartPolicy": "Always",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 1001,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [container],
            "volumes": [{"name": "files", "configMap": {"name": POD}}],
        },
    }
