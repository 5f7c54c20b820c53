"""A second Service for the node's registry: a test can break it, and no other stack notices."""

from __future__ import annotations

import hashlib
from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.kube import Kube
from toolchain.local import REGISTRY_FORWARD
from toolchain.node import ports
from toolchain.node.layout import NODE_ADDRESS, REGISTRY_PORT
from toolchain.node.node import Node

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Mirror:
    """`http://mirror.<namespace>.svc.cluster.local:5000`, while the context is open."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self.namespace = namespace
        self.url = f"http://mirror.{namespace}.svc.cluster.local:{REGISTRY_PORT}"
        self._slice = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices"

    def __enter__(self) -> Self:
        meta = {"name": "mirror", "namespace": self.namespace}
        ports = [{"name": "http", "port": REGISTRY_PORT, "protocol": "TCP"}]
        self._kube.create("/api/v1/namespaces", {"metadata": {"name": self.namespace}})
        self._kube.create(f"/api/v1/namespaces/{self.namespace}/services", {"metadata": meta, "spec": {"ports": ports}})
        self._kube.create(
            self._slice,
            {
                "metadata": {**meta, "labels": {"kubernetes.io/service-name": "mirror"}},
                "addressType": "IPv4",
                "ports": ports,
                "endpoints": _endpoints(NODE_ADDRESS),
            },
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kube.delete_namespace(self.namespace)

    @contextmanager
    def broken(self) -> Generator[None]:
        """Send what asks the mirror to a port where nobody listens."""
        path = f"{self._slice}/mirror"
        self._kube.patch(path, {"ports": [{"name": "http", "port": 1, "protocol": "TCP"}]})
        try:
            yield
        finally:
            self._kube.patch(path, {"ports": [{"name": "http", "port": REGISTRY_PORT, "protocol": "TCP"}]})


def _endpoints(address: str) -> list[dict[str, Any]]:
    return [{"addresses": [address], "conditions": {"ready": True}}]


def upstream_model(node: Node, model: str) -> tuple[str, int]:
    """Ask the node's registry itself for a model: its digest, and the bytes of its blobs, each counted once."""
    name, tag = model.split(":")
    port = ports.read(node.layout.forwards_file)[REGISTRY_FORWARD].port
    url = f"http://127.0.0.1:{port}/v2/library/{name}/manifests/{tag}"
    answer = httpx.get(url, headers={"Accept": _MANIFEST}, trust_env=False).raise_for_status()
    manifest: dict[str, Any] = answer.json()
    blobs = {blob["digest"]: int(blob["size"]) for blob in (manifest["config"], *manifest["layers"])}
    return f"sha256:{hashlib.sha256(answer.content).hexdigest()}", sum(blobs.values())
