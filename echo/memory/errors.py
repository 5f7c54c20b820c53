"""What can go wrong with a memory, each with the HTTP status that says it best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong with an input."""

    where: str
    """Path into the call's arguments: ``memories[3].importance``."""
    problem: str
    """What is wrong and what would be right."""

    def __str__(self) -> str:
        return f"{self.where}: {self.problem}"


class EchoMemoryError(Exception):
    """The base of all errors of a memory; nothing was stored by the call that raised it."""

    status: ClassVar[int] = 500
    """The HTTP status that a service in front of the memory answers with."""


class InvalidInputError(EchoMemoryError):
    """Arguments that cannot be stored or asked for, with every fault found in them."""

    status = 422

    def __init__(self, faults: Sequence[Fault]) -> None:
        self.faults = tuple(faults)
        more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
        super().__init__("; ".join(map(str, faults[:_SHOWN])) + more)


class TooLargeError(InvalidInputError):
    """An input whose only faults are sizes above a limit."""

    status = 413


class UnknownSpaceError(EchoMemoryError):
    """No space of that name is there."""

    status = 404

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"there is no memory space {name!r}; create it first")


class SpaceExistsError(EchoMemoryError):
    """A space of that name is there already."""

    status = 409


class UnknownMemoryError(EchoMemoryError):
    """The space holds none of the memories that were named."""

    status = 404

    def __init__(self, missing: Sequence[object]) -> None:
        self.missing = tuple(missing)
        shown = ", ".join(str(one) for one in missing[:_SHOWN])
        super().__init__(f"the space holds no memory {shown}")


class UnknownGoalError(EchoMemoryError):
    """The space has no such goal."""

    status = 404

    def __init__(self, goal: object) -> None:
        super().__init__(f"the space has no goal {goal}")


class UnknownConversationError(EchoMemoryError):
    """The space has no such conversation."""

    status = 404

    def __init__(self, name: str) -> None:
        super().__init__(f"the space has no conversation {name!r}")


class UnknownTurnError(EchoMemoryError):
    """The space has no such answer, or not yet."""

    status = 404

    def __init__(self, turn: object) -> None:
        super().__init__(
            f"the space has no answer {turn} that could be judged: it was not kept or learned from, or not yet; "
            "ask again in a moment"
        )


class ForeignTurnError(EchoMemoryError):
    """The answer was somebody else's of the same space."""

    status = 403

    def __init__(self) -> None:
        super().__init__("an answer is judged by whom it was given to")


class ForeignConversationError(EchoMemoryError):
    """The conversation is somebody else's of the same space."""

    status = 403

    def __init__(self, name: str) -> None:
        super().__init__(f"the conversation {name!r} is not yours to go on with; take another name")


class IdempotencyConflictError(EchoMemoryError):
    """An idempotency key was used before, for something else."""

    status = 409

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = tuple(keys)
        shown = ", ".join(repr(key) for key in keys[:_SHOWN])
        super().__init__(f"the idempotency keys {shown} were used before for other content; take new keys")


class EmbeddingMismatchError(EchoMemoryError):
    """The space's vectors are of another model or width than the embedder's."""

    status = 409


class ReembeddedError(EmbeddingMismatchError):
    """The space came to another model while a call ran; called again, it goes by the new one."""

    def __init__(self, space: str) -> None:
        super().__init__(f"the space {space!r} came to another embedding model while this call ran; call again")


class EmbedderError(EchoMemoryError):
    """The embedder failed or gave something that is no vector."""

    status = 502


class SchemaOutdatedError(EchoMemoryError):
    """The database's schema is not the one that this library works on."""

    status = 503


class StoreUnavailableError(EchoMemoryError):
    """The database cannot be reached, or gave up; trying again may help."""

    status = 503


_SHOWN = 5
