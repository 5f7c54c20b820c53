"""What to do about a violation: what its message says, and the page that the rule is from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from policies.catalog import BY_ID

_FIX = "Fix: "


@dataclass(frozen=True)
class Remedy:
    """What to do, and where the rule is from; either may be empty."""

    fix: str = ""
    link: str = ""


def of_our_pack() -> Mapping[str, Remedy]:
    """The checks of this project's own pack. The engine hands on neither their fixes nor their links."""
    return {name: Remedy(check.fix, check.link) for name, check in BY_ID.items()}


def split(message: str) -> tuple[str, str]:
    """A violation's message without the line that says what to do, and that line."""
    lines = message.split("\n")
    fixes = [line.removeprefix(_FIX) for line in lines if line.startswith(_FIX)]
    return "\n".join(line for line in lines if not line.startswith(_FIX)), " ".join(fixes)
