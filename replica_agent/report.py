"""What a replica's agent says of it at `GET /v1/models`: read by the dynamic provider and by the command line."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from ollama.errors import Kind

ModelPhase = Literal["Pending", "Pulling", "Creating", "Verifying", "Loading", "Retrying", "Ready", "Failed"]
"""`Retrying` after a transient failure; `Failed` where only a change helps. Both are tried again, the latter rarely."""

ReplicaPhase = Literal["Pending", "Pulling", "Ready", "Failed", "Terminating"]


class _Shape(BaseModel):
    # An agent may be a version ahead of who reads it, so unknown keys are passed over.
    model_config = ConfigDict(extra="ignore", frozen=True, alias_generator=to_camel, populate_by_name=True)


class Failure(_Shape):
    """Why a model is not as wanted."""

    kind: Kind
    message: str
    hint: str = ""


class ModelReport(_Shape):
    """One wanted model on this replica.

    Attributes:
        name: as it is wanted.
        fingerprint: of what is wanted (`ollama.document.fingerprint`), so that a reader knows whether the agent has
            seen a change yet.
        phase: where it is.
        digest: `sha256:<hex>` once it is there.
        size_bytes: of all its blobs.
        completed: bytes on the disk, while it is pulled.
        total: bytes of the blobs seen so far.
        attempts: tries that ended, well or badly; `GET /v1/look` has the next one begin at once.
        since: when the phase began, RFC 3339 in UTC.
        failure: the last one; None once the model is Ready.
    """

    name: str
    fingerprint: str
    phase: ModelPhase
    digest: str | None = None
    size_bytes: int = 0
    completed: int = 0
    total: int = 0
    attempts: int = 0
    since: str
    failure: Failure | None = None


class ReplicaReport(_Shape):
    """The whole replica.

    Attributes:
        server: name of the server.
        replica: name of the pod.
        phase: of the replica as a whole.
        revision: of the wanted list that the agent works on (`ollama.document.revision`); empty before the first.
        ollama_version: of the server; empty until it answers.
        admitted: whether the models were all there once since the start, so that the replica takes traffic.
        draining: no new requests are to come; those that run may end.
        in_flight: requests that are being answered.
        models: the wanted ones, in the order of the list.
        leaving: names that are no longer wanted and still there.
        problem: what concerns no single model: the list cannot be read, or Ollama does not answer. None when all
            is well; a replica can have one and go on serving.
    """

    server: str
    replica: str
    phase: ReplicaPhase
    revision: str = ""
    ollama_version: str = ""
    admitted: bool = False
    draining: bool = False
    in_flight: int = 0
    models: tuple[ModelReport, ...] = Field(default=(), strict=False)
    leaving: tuple[str, ...] = Field(default=(), strict=False)
    problem: Failure | None = None
