"""The stack that most tests share: one server `chat` behind a model store that fetches from the node's registry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from tests.integration.mirror import Mirror
from tests.support.kube import Kube, Replica, wait_for
from tests.support.stack import LiveStack, Outcome

SMOLLM2 = "smollm2:135m"
MINILM = "all-minilm:22m"

LISTS = {"chat-models": "update", "store-wanted": "update"}
"""What a deploy changes when the models that are wanted change: what the agents and the store read of them."""

_SAMPLE = re.compile(r"^(model_store_\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


def server(replicas: int, models: Sequence[str | Mapping[str, Any]]) -> dict[str, Any]:
    """Return the settings of a server `chat`, as small as a test machine needs it."""
    return {
        "name": "chat",
        "replicas": replicas,
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
        "storage": "1Gi",
        "models": [{"name": one} if isinstance(one, str) else dict(one) for one in models],
    }


def store(mirror: Mirror, storage: str = "2Gi", *more: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a model store before the mirror, and of further upstreams."""
    return {"storage": storage, "upstreams": [{"host": "registry.ollama.ai", "mirrors": [mirror.url]}, *more]}


class ChatStack:
    """A deployed stack, and ways to look into it."""

    def __init__(self, stack: LiveStack, kube: Kube, mirror: Mirror) -> None:
        self.stack = stack
        self.namespace = stack.namespace
        self.mirror = mirror
        self._kube = kube
        self._settled: dict[str, Any] | None = None

    def configure(
        self,
        replicas: int,
        *models: str | Mapping[str, Any],
        storage: str = "2Gi",
        upstreams: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Set the configuration and deploy nothing."""
        settings = {"servers": [server(replicas, models)], "modelStore": store(self.mirror, storage, *upstreams)}
        self.stack.configure(settings)

    def settle(self, replicas: int, *models: str | Mapping[str, Any]) -> None:
        """Deploy this unless it is what the last test left in good order."""
        self.configure(replicas, *models)
        if self._settled != self.stack.configured:
            wanted = self.stack.configured
            self.up(*(("--refresh",) if self.stack.resources() else ()))
            assert self.stack.configured == wanted

    def up(self, *extra: str) -> Outcome:
        """Deploy what is configured."""
        self.disturb()
        outcome = self.stack.up(*extra)
        self._settled = dict(self.stack.configured)
        return outcome

    def disturb(self) -> None:
        """Say that what is deployed is no longer what is configured: the next `settle` looks and mends."""
        self._settled = None

    def replica(self, index: int) -> Replica:
        """Return one replica's Ollama."""
        return Replica(self._kube, self.namespace, f"chat-{index}")

    def digests(self, model: str, replicas: int) -> dict[str, str | None]:
        """Replica to the digest it has of a model, None where it has none."""
        found = [self.replica(index) for index in range(replicas)]
        return {one.pod: one.digests().get(model) for one in found}

    def metrics(self) -> dict[str, float]:
        """Return the store's samples, name with labels to value."""
        path = f"/api/v1/namespaces/{self.namespace}/pods/model-store-0:5000/proxy/metrics"
        answer = self._kube.request("GET", path)
        assert answer.is_success, answer.text
        return {name: float(value) for name, value in _SAMPLE.findall(answer.text)}

    def upstream_bytes(self) -> float:
        """Return how many bytes the store has fetched since its pod started."""
        return sum(value for name, value in self.metrics().items() if name.startswith("model_store_upstream_bytes"))

    def lose_disk(self, pod: str) -> None:
        """Take a pod's volume away, and the pod with it; return once its successor is Ready."""
        found = self._kube.pod(self.namespace, pod)
        assert found is not None
        claim = f"/api/v1/namespaces/{self.namespace}/persistentvolumeclaims/data-{pod}"
        before = self._kube.get(claim)
        assert before is not None
        self.disturb()
        self._kube.delete(claim)
        self._kube.delete(f"/api/v1/namespaces/{self.namespace}/pods/{pod}", grace_s=0)
        self._kube.wait_ready(self.namespace, pod, other_than=found["metadata"]["uid"])

        def another() -> bool:
            now = self._kube.get(claim)
            return now is not None and now["metadata"]["uid"] != before["metadata"]["uid"]

        # The StatefulSet may have made the pod anew while the old claim was still on its way out.
        wait_for(f"{pod} has a new volume", another, 60)
