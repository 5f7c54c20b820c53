"""What can go wrong with the local node, said so that a user can act."""

from __future__ import annotations


class NodeError(Exception):
    """The node cannot be brought to the wanted state.

    Attributes:
        hint: What the user can do about it; empty when nothing is known.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(f"{message}\n  fix: {hint}" if hint else message)
        self.hint = hint
