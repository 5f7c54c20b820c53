"""Which memory space a request means, and whether whoever asks may use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from pydantic import Field, ValidationError

from echo.auth.principal import Principal
from replica_agent.fields import Strict

__all__ = ["HEADER", "SpaceRefusedError", "Wish", "named_space", "wish_of"]

HEADER = b"x-echo-space"
_LONGEST = 128


class SpaceRefusedError(Exception):
    """The request cannot have its space.

    Attributes:
        status: 400 or 403.
        code: a word for it.
    """

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        self.status = status
        self.code = code
        super().__init__(message)


class _Option(Strict):
    """`echo` in a body."""

    space: str | None = None
    # A name that the database could not hold would have its turns lost in the background.
    conversation: str | None = Field(default=None, max_length=_LONGEST, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$")
    recall: bool = True
    learn: bool = True
    limit: int | None = Field(default=None, ge=1, le=50)
    history: bool | None = None


@dataclass(frozen=True)
class Wish:
    """What a request wants of the memory.

    Attributes:
        space: whose memories.
        conversation: that it is a turn of; empty where none is named.
        recall, learn: before, and after.
        limit: most memories; None takes the settings'.
        history: put back what was said in the conversation; None does where the request brings no answers along.
    """

    space: str
    conversation: str = ""
    recall: bool = True
    learn: bool = True
    limit: int | None = None
    history: bool | None = None


def named_space(principal: Principal, named: str | None) -> str | None:
    """Return the space that a request means; None where it means none.

    Raises:
        SpaceRefusedError: The key may not use it. What is not allowed and what is not there get the same words.
    """
    space = named if named is not None else principal.space
    if space is None:
        return None
    if space not in principal.spaces:
        text = f"this key may not use the memory space {space[:80]!r}; its settings name those it may (keys[].spaces)"
        raise SpaceRefusedError(HTTPStatus.FORBIDDEN, "space_not_allowed", text)
    return space


def wish_of(principal: Principal, headers: Mapping[bytes, bytes], option: object) -> Wish | None:
    """Return what a request wants of the memory; None for nothing.

    Args:
        principal: who asks.
        headers: names in lower case.
        option: `echo` of the body; None where it has none.

    Raises:
        SpaceRefusedError: It wants what it cannot have, or does not say it right.
    """
    header = headers.get(HEADER)
    if option is None:
        space = named_space(principal, None if header is None else header.decode("latin-1"))
        return None if space is None else Wish(space)
    try:
        found = _Option.model_validate(option)
    except ValidationError as error:
        # What was sent is not repeated.
        faults = "; ".join(f"echo.{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise SpaceRefusedError(HTTPStatus.BAD_REQUEST, "invalid_echo", faults) from error
    named = found.space if found.space is not None else None if header is None else header.decode("latin-1")
    space = named_space(principal, named)
    if space is None or not (found.recall or found.learn or found.conversation):
        return None
    return Wish(space, found.conversation or "", found.recall, found.learn, found.limit, found.history)
