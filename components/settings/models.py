"""The models of a server: where each comes from, and what else is to be done with it."""

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import Field, PrivateAttr, ValidationError, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticCustomError

from components.settings.base import Section, Texts
from fit.facts import Facts


def _one_error(value: Any, validate: ValidatorFunctionWrapHandler) -> Any:  # noqa: ANN401
    """Else a wrong value would be told five times, once for each type that it is not."""
    try:
        return validate(value)
    except ValidationError as error:
        legal = "must be a number, a text, true or false, or a list of texts"
        raise PydanticCustomError("parameter_type", legal) from error


Parameter = Annotated[bool | int | float | str | Texts, WrapValidator(_one_error)]
"""A value of Ollama's `parameters`; `stop` is a text or a list of texts."""


class FilesSettings(Section):
    """Weights on a volume: a folder with GGUF or Safetensors files, or one such file."""

    claim: str
    """Name of a PersistentVolumeClaim in the models' namespace. It is mounted read-only."""
    path: str = "."
    """Folder or file on it, relative to its root."""


class MessageSettings(Section):
    """One message of the conversation that the model begins with."""

    role: str
    content: str


class CreateSettings(Section):
    """A model that is made on the replica: from a base model or from files."""

    from_model: str | None = Field(default=None, alias="from")
    """Base model: a name that this server has too, under `models`."""
    files: FilesSettings | None = None
    adapter: FilesSettings | None = None
    """A LoRA adapter, as GGUF or Safetensors."""
    system: str | None = None
    template: str | None = None
    parameters: dict[str, Parameter] = Field(default_factory=dict[str, Parameter])
    messages: Annotated[tuple[MessageSettings, ...], Field(strict=False)] = ()
    license: str | None = None
    quantize: str | None = None
    """Such as `q4_K_M`, from 16 or 32 bit weights."""


class FactsSettings(Section):
    """What a model's memory depends on, where the table of known models does not say it."""

    size: str | None = None
    """Bytes of its weights: the model layer of its manifest, a quantity such as 4.6Gi."""
    layers: int | None = None
    heads: int | None = None
    """Of attention, in a layer."""
    kv_heads: int | None = None
    head_size: int | None = None
    embedding: int | None = None
    """Elements of a token's vector."""
    vocabulary: int | None = None
    context: int | None = None
    """Tokens that it was trained with."""
    architecture: str | None = None
    """`general.architecture` of its GGUF file."""


@dataclass(frozen=True, kw_only=True)
class LookedUp:
    """What a model's registry said while the plan was made.

    Attributes:
        weights: bytes of them.
        facts: where they were asked for; the table of known models has the others'.
        problem: why it said nothing.
    """

    weights: int | None = None
    facts: Facts | None = None
    problem: str | None = None


class ModelSettings(Section):
    """One model that every replica of a server holds."""

    name: str
    """What clients call it, such as `smollm2:135m`."""
    source: str | None = None
    """What is pulled; `name` itself where nothing is given. Another registry by its host, `hf.co/…` included."""
    create: CreateSettings | None = None
    """Made instead of pulled."""
    digest: str | None = None
    """`sha256:<64 hex>` of the manifest, as `ollama list` and /api/tags show it (there without `sha256:`)."""
    aliases: Texts = ()
    """Further names for the same model."""
    preload: bool = False
    """Load it into memory before the replica takes traffic, and again when Ollama was restarted."""
    keep_alive: str | None = None
    """How long a preloaded model stays in memory after its last use, such as `24h`; `-1` is for ever."""
    facts: FactsSettings | None = None
    """Of its memory, for the check whether it fits."""
    retain: bool = False
    """Leave it on the replicas when it is taken off this list."""
    _looked_up: LookedUp | None = PrivateAttr(default=None)

    @property
    def looked_up(self) -> LookedUp | None:
        """What its registry said, where that was asked for (`fit.lookup`)."""
        return self._looked_up

    def with_lookup(self, found: LookedUp) -> Self:
        """The same model, and what its registry said."""
        told = self.model_copy()
        told._looked_up = found  # noqa: SLF001 - of its own class
        return told
