"""What can go wrong between us and an Ollama server, in four kinds that tell a caller what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

if TYPE_CHECKING:
    from ollama.state import ModelState

Kind = Literal["transient", "configuration", "resource", "system"]


class OllamaError(Exception):
    """A failure, with the replica, the model, what is wrong and what to do.

    Attributes:
        kind: the kind of failure, one word.
        replica: label of the server, or None when no server was asked.
        model: name of the model as the user wrote it, or None when the failure is the server's.
        message: what is wrong.
        hint: what to do about it; may be empty.
    """

    kind: ClassVar[Kind] = "system"

    def __init__(self, replica: str | None, model: str | None, message: str, hint: str = "") -> None:
        self.replica = replica
        self.model = model
        self.message = message
        self.hint = hint
        super().__init__(replica, model, message, hint)

    def __str__(self) -> str:
        about = [f"replica `{self.replica}`"] if self.replica is not None else []
        about += [f"model `{self.model}`"] if self.model is not None else []
        text = f"{', '.join(about)}: {self.message}" if about else self.message
        return f"{text} ({self.kind})" + (f"\n  fix: {self.hint}" if self.hint else "")

    def about(self, *, model: str) -> OllamaError:
        """Return the same failure, said of `model`, unless it names one already."""
        if self.model is not None:
            return self
        return type(self)(self.replica, model, self.message, self.hint)


class TransientError(OllamaError):
    """Trying again may help: a connection, a proxy, a stall, a damaged download."""

    kind = "transient"


class ConfigurationError(OllamaError):
    """Only a change of what was asked for helps: a name, a digest, a right."""

    kind = "configuration"


class ResourceError(OllamaError):
    """The replica lacks disk or memory."""

    kind = "resource"


class SystemFault(OllamaError):  # noqa: N818 - SystemError is taken by Python
    """Anything else: the server, or what answers in its place, is broken."""

    kind = "system"


class DamagedModelError(SystemFault):
    """The replica lists the model, but cannot read its weights file."""


class EnsureFailed(Exception):  # noqa: N818 - it is a report of errors, each of which is an error
    """Some of the wanted models are not there.

    Attributes:
        failures: every failure, in the order of the replicas and of the wanted models.
        states: what did succeed, by replica.
    """

    def __init__(self, failures: Iterable[OllamaError], states: dict[str, Sequence[ModelState]] | None = None) -> None:
        self.failures = tuple(failures)
        self.states = states if states is not None else {}
        super().__init__(self.failures)

    @property
    def transient(self) -> bool:
        """Whether trying the same again may help for every failure."""
        return all(isinstance(failure, TransientError) for failure in self.failures)

    def __str__(self) -> str:
        count = len(self.failures)
        head = "1 model is not as wanted" if count == 1 else f"{count} models are not as wanted"
        return "\n".join([f"{head}:", *(f"- {failure}" for failure in self.failures)])
