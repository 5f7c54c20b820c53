"""Who asks, once that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["ANONYMOUS", "AuthError", "Principal", "Role"]

Role = Literal["user", "operator"]


@dataclass(frozen=True)
class Principal:
    """Somebody who may ask.

    Attributes:
        name: of the key, or `oidc:<subject>`; it stands in logs and owns what is counted.
        roles: what it may do; an operator who is no user may only look after the service.
        requests_per_minute, concurrent: its own limits; None takes the configured ones.
        spaces: memory spaces that it may name.
        space: of these, the one that a request means which names none; None is no memory.
    """

    name: str
    roles: frozenset[Role]
    requests_per_minute: float | None = None
    concurrent: int | None = None
    spaces: frozenset[str] = frozenset()
    space: str | None = None


ANONYMOUS = Principal("anonymous", frozenset({"user"}))
"""Whoever shows nothing, where the settings allow that."""


class AuthError(Exception):
    """What was shown is not good; the message never repeats it.

    Attributes:
        reason: a word for the metric.
    """

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)
