"""Where the stack's models answer: reads the stack's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

_MODELS = "-models"
_ENDPOINT = "-endpoint"


@dataclass(frozen=True)
class Server:
    """One deployed Ollama server.

    Attributes:
        name: as in the configuration.
        endpoint: URL that clients in the cluster use, or of the server outside it.
        models: model to replica to digest.
    """

    name: str
    endpoint: str
    models: Mapping[str, Mapping[str, str]]

    @property
    def in_cluster(self) -> bool:
        """Whether its replicas are pods of the stack's cluster, not a server outside it."""
        return (urlsplit(self.endpoint).hostname or "").endswith(".svc.cluster.local")

    @property
    def replicas(self) -> list[str]:
        """Names of the replicas that hold a model."""
        return sorted({replica for found in self.models.values() for replica in found})


def servers(outputs: Mapping[str, Any]) -> list[Server]:
    """The servers among a stack's outputs, in the order of the configuration."""
    return [
        Server(
            name=key.removesuffix(_MODELS),
            endpoint=str(outputs.get(key.removesuffix(_MODELS) + _ENDPOINT, "")),
            models={str(model): dict(found or {}) for model, found in value.items()},
        )
        for key, value in outputs.items()
        if key.endswith(_MODELS)
    ]
