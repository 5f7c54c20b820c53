"""The steps, read from the files of this package."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent / "sql"
_NAME = re.compile(r"(\d{4})_([a-z0-9_]+)\.sql")
NO_TRANSACTION = "-- no transaction"
"""First line of a step that cannot run in one, such as an index that is built beside running writes.

It must hold one statement, which can be repeated after it failed half-way.
"""


@dataclass(frozen=True)
class Step:
    """One forward step of the schema."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Of its text: a step that ran somewhere must never change."""
        return hashlib.sha256(self.sql.encode()).hexdigest()

    @property
    def transactional(self) -> bool:
        """Whether it runs in one transaction."""
        return not self.sql.startswith(NO_TRANSACTION)


def steps(folder: Path = _FOLDER) -> list[Step]:
    """Every step, in order.

    Raises:
        ValueError: a file's name is not ``NNNN_name.sql``, or the numbers have a gap.
    """
    found: list[Step] = []
    for path in sorted(folder.iterdir()):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name} is no step: its name must be NNNN_name.sql")
        found.append(Step(int(match[1]), match[2], path.read_text(encoding="utf-8")))
    if [step.version for step in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"steps are numbered 1, 2, 3 and so on; found: {[step.version for step in found]}")
    return found


LATEST = len(steps())
"""The version that this code works on."""
