"""What stands beside a memory of a turn: the date and the two turns before it, whose words find it too.

Two turns find more than one, and more than three: docs/memory.md has the measurement.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from echo.mind import Said

__all__ = ["BESIDE", "beside"]

BESIDE = 2
"""Turns before one that are its context."""
_LONGEST = 2_048
"""Bytes of one of them: a pasted document is not to be found by each turn that follows it."""


def beside(at: datetime, before: Sequence[Said]) -> str:
    """Return the context of a memory.

    Args:
        at: when it was said.
        before: what was said before it, oldest first; the last two count.
    """
    lines = [f"{at:%A}, {at.day} {at:%B} {at.year}"]
    lines += [f"{one.speaker}: {_cut(one.text)}" for one in before[-BESIDE:]]
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text.replace("\x00", "").encode("utf-8", "replace")[:_LONGEST].decode("utf-8", "ignore")
