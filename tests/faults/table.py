"""The table that a run ends with: each case, how often it ended right, its slowest time, and what was seen."""

from __future__ import annotations

import sys
import time
from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Row:
    """One case.

    Attributes:
        times: how often it was begun.
        right: how often it ended as it must.
        slowest_s: longest time from the fault to all being right, or to the error.
        seen: what happened, to how often.
    """

    times: int = 0
    right: int = 0
    slowest_s: float = 0.0
    seen: Counter[str] = field(default_factory=Counter[str])


class Turn:
    """One time that a case is tried."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._begun = time.monotonic()
        self._seconds: float | None = None
        row.times += 1

    def fault(self) -> None:
        """Say that the harm is done now; time counts from here."""
        self._begun = time.monotonic()

    def over(self) -> float:
        """Say that all is right again, or that the error is there; the first one counts. Returns the seconds."""
        seconds = time.monotonic() - self._begun
        if self._seconds is None:
            self._seconds = seconds
            self._row.slowest_s = max(self._row.slowest_s, seconds)
        return seconds

    def saw(self, text: str) -> None:
        """Note what happened."""
        self._row.seen[text] += 1
        # At once as well: a run that is cut off never gets to its table.
        sys.stdout.write(f"\n{time.monotonic() - self._begun:.0f} s: {text}\n")
        sys.stdout.flush()

    def right(self) -> None:
        """Say that it ended as it must."""
        if self._seconds is None:
            self.over()
        self._row.right += 1


class Table:
    """All cases of a run."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def turn(self, case: str) -> Turn:
        """Begin one time of a case."""
        return Turn(self._rows.setdefault(case, Row()))

    def lines(self) -> list[str]:
        """The table, as Markdown."""
        found = ["| Case | Times | Ended right | Slowest | Seen |", "|---|---|---|---|---|"]
        for case, row in self._rows.items():
            seen = "; ".join(text if count == row.times else f"{text} ({count}x)" for text, count in row.seen.items())
            found.append(f"| {case} | {row.times} | {row.right} | {row.slowest_s:.0f} s | {seen} |")
        return found if self._rows else []
