"""The wanted list as JSON: what a deploy writes into a ConfigMap, and an agent in the pod reads."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

Texts = Annotated[tuple[str, ...], Field(strict=False)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel, populate_by_name=True)


class Pull(_Shape):
    """A model that is pulled.

    Attributes:
        source: full reference that the server pulls, the model store's address included.
        insecure: the registry speaks plain HTTP.
    """

    source: str
    insecure: bool = False


class Message(_Shape):
    """One message of a created model's conversation; role is `system`, `user` or `assistant`."""

    role: Literal["system", "user", "assistant"]
    content: str


class Recipe(_Shape):
    """A model that is made on the server, as `POST /api/create` has it.

    Attributes:
        from_model: base model, a name that the server has; None where `files` is given.
        files: absolute path of a folder or file with GGUF or Safetensors weights, where the agent sees it.
        adapter: the same for a LoRA adapter.
        system, template, parameters, messages, license, quantize: as in a Modelfile.
    """

    from_model: str | None = None
    files: str | None = None
    adapter: str | None = None
    system: str | None = None
    template: str | None = None
    parameters: dict[str, bool | int | float | str | Texts] = Field(default_factory=dict)
    messages: Annotated[tuple[Message, ...], Field(strict=False)] = ()
    license: str | None = None
    quantize: str | None = None


class WantedEntry(_Shape):
    """One model that the server shall have: exactly one of `pull` and `create`.

    Attributes:
        name: the name that clients use, in Ollama's short form.
        digest: `sha256:<hex>` of the manifest, or None for any.
        aliases: further names for it.
        preload: load it into memory.
        keep_alive: how long it stays there, as Ollama has it (`24h`, `-1`); None is the server's setting.
        retain: do not delete it when it is no longer wanted.
    """

    name: str
    pull: Pull | None = None
    create: Recipe | None = None
    digest: str | None = None
    aliases: Texts = ()
    preload: bool = False
    keep_alive: str | None = None
    retain: bool = False


class WantedDocument(_Shape):
    """Everything that one server's replicas shall have."""

    version: Literal[1] = 1
    models: Annotated[tuple[WantedEntry, ...], Field(strict=False)] = ()


def dump(document: WantedDocument) -> str:
    """The document as text; equal documents give equal texts."""
    return _canonical(document.model_dump(by_alias=True, mode="json"), indent=2)


def revision(text: str) -> str:
    """12 hex digits that name one text of a document."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def fingerprint(entry: WantedEntry) -> str:
    """12 hex digits that change with anything that is wanted of this one model."""
    return revision(_canonical(entry.model_dump(by_alias=True, mode="json")))


def _canonical(value: Any, indent: int | None = None) -> str:  # noqa: ANN401
    return json.dumps(value, sort_keys=True, ensure_ascii=False, indent=indent)
