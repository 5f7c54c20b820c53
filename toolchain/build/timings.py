"""How long each step took last time, so that the next run can say how long it will take."""

from __future__ import annotations

import fcntl
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError


class Timing(BaseModel):
    """One step's last run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seconds: float = Field(ge=0)
    total: int | None = Field(default=None, ge=0)
    """Units of work it counted to, where it counted any."""


class _Book(RootModel[dict[str, Timing]]):
    """The file's contents."""


@dataclass(frozen=True)
class Timings:
    """A JSON file of step key to :class:`Timing`, shared by every run on the machine."""

    path: Path

    def last(self, key: str) -> Timing | None:
        """The last run of a step, or None."""
        return self._read().get(key)

    def record(self, key: str, timing: Timing) -> None:
        """Remember a run. Other runs may record at the same time.

        Raises:
            OSError: the cache folder cannot be written.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            book = self._read()
            book[key] = timing
            fresh = self.path.with_suffix(".new")
            data = {name: one.model_dump(exclude_none=True) for name, one in sorted(book.items())}
            fresh.write_text(json.dumps(data, indent=1) + "\n")
            fresh.rename(self.path)

    def _read(self) -> dict[str, Timing]:
        # Only a hint for the user: a file that cannot be read, or was cut short by a crash, means no hint.
        try:
            return _Book.model_validate_json(self.path.read_bytes()).root
        except (OSError, ValidationError):
            return {}
