"""What surrounds the objects: the stack's name, its configuration, and whether it is production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

_DEV = ("dev", "test", "local", "sandbox", "review", "pr-", "ci-")


@dataclass(frozen=True)
class Context:
    """Of one deploy.

    Attributes:
        stack: the stack's name, without organization and project; empty where nobody told it.
        config: the stack's configuration, key with its namespace to text or JSON.
        secret_keys: the keys of it that are set as secrets.
    """

    stack: str = ""
    config: Mapping[str, str] = field(default_factory=dict[str, str])
    secret_keys: frozenset[str] = frozenset()

    @property
    def environment(self) -> str:
        """`dev` or `prod`: what the configuration says, or what the stack's name says; prod where in doubt."""
        for key, value in self.config.items():
            if key.rpartition(":")[2] == "environment" and value in ("dev", "prod"):
                return value
        return "dev" if self.stack.startswith(_DEV) else "prod"


def stack_of(urn: str) -> str:
    """The stack's name in a URN; empty where there is none."""
    parts = urn.split(":")
    return parts[2] if urn.startswith("urn:pulumi:") and len(parts) > 2 else ""  # noqa: PLR2004
