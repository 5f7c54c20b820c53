"""Facts that a model extracts: optional, behind an interface, and kept only where the text itself says them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from echo.cognition.statements import Fact
from echo.cognition.wording import stems, taken_up

_GROUNDED = 0.99
_MOST = 8
_LONGEST = 300


class Extractor(Protocol):
    """Finds facts in what somebody said; a model can do what the rules of `statements` cannot."""

    async def extract(self, text: str) -> Sequence[Fact]:
        """Return the facts that a text states; none where it cannot tell."""
        ...


def grounded(facts: Sequence[Fact], text: str) -> list[Fact]:
    """Those of the facts whose every word of substance stands in the text: a model invents, small ones often."""
    words = stems(text)
    return [
        one
        for one in facts
        if one.attribute.strip() and one.value.strip() and len(one.text) <= _LONGEST
        and taken_up(stems(one.text), words) >= _GROUNDED and taken_up(stems(one.value), words) >= _GROUNDED
    ][:_MOST]  # fmt: skip
