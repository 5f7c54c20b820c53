"""Shapes of Ollama's answers. Unknown fields are ignored: newer servers add some with every release."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_BLOB = re.compile(r"sha256[-:]([0-9a-f]{64})")


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class VersionAnswer(_Answer):
    """`GET /api/version`."""

    version: str


class ListedModel(_Answer):
    """One model of `GET /api/tags`.

    Attributes:
        name: short name in the case it is stored under.
        digest: 64 hex digits, SHA-256 of the manifest file on the server.
        size: bytes of all its blobs, by its manifest.
    """

    name: str
    digest: str = Field(pattern=r"^(sha256:)?[0-9a-f]{64}$")
    size: int = 0

    @property
    def sha256(self) -> str:
        """The digest as `sha256:<hex>`."""
        return f"sha256:{self.digest.removeprefix('sha256:')}"


class TagsAnswer(_Answer):
    """`GET /api/tags`; an empty server may say null."""

    models: list[ListedModel] | None = None


class ModelInfo(_Answer):
    """`POST /api/show`.

    Attributes:
        capabilities: such as `completion`, `embedding`, `tools`; empty before Ollama 0.6.4.
        model_info: the weights file's metadata.
    """

    modelfile: str = ""
    template: str = ""
    capabilities: list[str] = Field(default_factory=list[str])
    model_info: dict[str, Any] = Field(default_factory=dict[str, Any])

    @property
    def weight_blobs(self) -> list[str]:
        """Digests of the blobs that the model is loaded from: weights, projectors, adapters."""
        lines = [line for line in self.modelfile.splitlines() if line.startswith(("FROM ", "ADAPTER "))]
        found = [f"sha256:{match[1]}" for line in lines for match in _BLOB.finditer(line)]
        return list(dict.fromkeys(found))


class RunningModel(_Answer):
    """One model of `GET /api/ps`, sizes in bytes."""

    name: str
    digest: str = ""
    size: int = 0
    size_vram: int = 0
    expires_at: str = ""
    context_length: int = 0


class PsAnswer(_Answer):
    """`GET /api/ps`."""

    models: list[RunningModel] | None = None


class PullProgress(_Answer):
    """One line of `POST /api/pull`. Ollama leaves out zero values.

    Attributes:
        status: `pulling manifest`, `pulling <12 hex>`, `verifying sha256 digest`, `writing manifest`,
            `removing unused layers`, `success`.
        digest: blob that the line is about.
        total: bytes of that blob.
        completed: bytes of it that are on the replica's disk; it can fall.
    """

    status: str = ""
    digest: str | None = None
    total: int = 0
    completed: int = 0


class Message(_Answer):
    """One message of a chat; role is `system`, `user` or `assistant`."""

    role: str
    content: str = ""


class ChatLine(_Answer):
    """One line of `POST /api/chat`."""

    message: Message | None = None
    done: bool = False


class GenerateLine(_Answer):
    """One line of `POST /api/generate`."""

    response: str = ""
    done: bool = False


class EmbedAnswer(_Answer):
    """`POST /api/embed`: one vector for each input, in their order."""

    embeddings: list[list[float]] = Field(default_factory=list[list[float]])


class ErrorBody(_Answer):
    """Ollama's own form of an error, before or inside a stream."""

    error: str


class KubernetesStatus(_Answer):
    """What the API server says when its pod proxy cannot hand a request on."""

    kind: str = Field(pattern="^Status$")
    message: str = ""
    reason: str = ""
