"""What can go wrong in the reduced mode."""

from __future__ import annotations

from toolchain.node.errors import NodeError


class ReducedError(NodeError):
    """A process of the reduced mode cannot be brought to the wanted state; carries a hint as its base does."""
