"""How drills ended, kept in the store itself: alerts and auditors ask when a restore was tried out last."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from cli.exits import CliError
from cli.memory.asking import asked
from cli.memory.place import Store

Outcome = Literal["good", "differs", "failed"]

LIST = """
SELECT json_build_object('drills', coalesce(json_agg(json_build_object(
    'ended', to_char(ended AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'tookSeconds', took_seconds,
    'outcome', outcome, 'rows', rows, 'rpoSeconds', rpo_seconds, 'rtoSeconds', rto_seconds
) ORDER BY ended DESC, id DESC), '[]'))
FROM (SELECT * FROM echo.drills ORDER BY ended DESC, id DESC LIMIT 100) latest
"""
_LIMIT_S = 180.0
_HINT = "a store of an earlier release keeps no drills: deploy again"


@dataclass(frozen=True, kw_only=True)
class Drilled:
    """One drill.

    Attributes:
        took_s: seconds in all.
        outcome: `differs` is a copy with other contents, `failed` no copy at all.
        rows: of the copy; None without one.
        rpo_s: seconds of changes that the loss of the cluster would have cost; None without a copy.
        rto_s: seconds until the copy answered; None without one.
        ended: when it was over, by the store's clock; None of one that is not kept yet.
    """

    took_s: float
    outcome: Outcome
    rows: int | None = None
    rpo_s: float | None = None
    rto_s: float | None = None
    ended: dt.datetime | None = None

    @classmethod
    def of(cls, found: dict[str, Any]) -> Drilled:
        """Out of what the store says."""
        return cls(
            took_s=found["tookSeconds"],
            outcome=found["outcome"],
            rows=found["rows"],
            rpo_s=found["rpoSeconds"],
            rto_s=found["rtoSeconds"],
            ended=dt.datetime.fromisoformat(found["ended"]),
        )

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ended": None if self.ended is None else self.ended.isoformat(),
            "tookSeconds": self.took_s,
            "outcome": self.outcome,
            "rows": self.rows,
            "rpoSeconds": self.rpo_s,
            "rtoSeconds": self.rto_s,
        }


def statement(done: Drilled) -> str:
    """What keeps it: numbers and one of three words, nothing that anybody typed."""
    took, rpo, rto = ("NULL" if one is None else f"{one:.1f}" for one in (done.took_s, done.rpo_s, done.rto_s))
    rows = "NULL" if done.rows is None else str(done.rows)
    return f"SELECT echo.drill_ended({took}, '{done.outcome}', {rows}, {rpo}, {rto})"


def keep(store: Store, done: Drilled) -> None:
    """Write it into the store.

    Raises:
        CliError: the store does not answer, or is of a release that kept none.
    """
    with _hinted(), asked(store, store.name, statement(done), limit_s=_LIMIT_S):
        pass


def latest(store: Store) -> list[Drilled]:
    """The latest hundred, the newest first.

    Raises:
        CliError: the store does not answer, or is of a release that kept none.
    """
    with _hinted(), asked(store, store.name, LIST, limit_s=_LIMIT_S) as path:
        found = store.api.get(f"{path}/log") or {}
    return [Drilled.of(one) for one in found["drills"]]


@contextmanager
def _hinted() -> Generator[None]:
    try:
        yield
    except CliError as error:
        raise CliError(error.message, error.hint or _HINT) from error
