"""What is made of the drills that a store keeps: statements, lists, tables, and words where there are none.

The cluster is a few lines here. Not proved: the schema's side, which tests/memory/test_drills.py has.
"""

from __future__ import annotations

import datetime as dt
import io
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from cli.exits import CliError
from cli.memory import actions, record
from cli.memory.place import Store
from cli.memory.record import Drilled
from components.kube_api import KubeApi
from components.settings.stack import validate

KEPT: dict[str, Any] = {
    "ended": "2027-01-31T12:00:00Z",
    "tookSeconds": 66.0,
    "outcome": "good",
    "rows": 11,
    "rpoSeconds": 45.0,
    "rtoSeconds": 46.2,
}
NONE = {**KEPT, "outcome": "failed", "rows": None, "rpoSeconds": None, "rtoSeconds": None}


class Cluster:
    """Where a pod ends as it is told to, with a log."""

    def __init__(self, log: dict[str, Any], phase: str = "Succeeded") -> None:
        self.log = log
        self.phase = phase

    def create(self, path: str, body: dict[str, Any], *, manager: str) -> dict[str, Any]:
        assert path
        assert manager
        return body

    def get(self, path: str) -> dict[str, Any]:
        message = "ERROR:  relation echo.drills does not exist"
        ended = {"state": {"terminated": {"message": message}}}
        return self.log if path.endswith("/log") else {"status": {"phase": self.phase, "containerStatuses": [ended]}}

    def delete(self, path: str) -> None:
        assert path


def store(cluster: Cluster) -> Store:
    settings = validate({"namespace": "team", "memory": {"enabled": True, "backups": {"enabled": True}}})
    return Store(settings, cast("KubeApi", cluster))


def test_drills_come_back_as_they_were_kept() -> None:
    good, failed = record.latest(store(Cluster({"drills": [KEPT, NONE]})))
    assert good == Drilled(
        took_s=66.0,
        outcome="good",
        rows=11,
        rpo_s=45.0,
        rto_s=46.2,
        ended=dt.datetime(2027, 1, 31, 12, tzinfo=dt.UTC),
    )
    assert (failed.rows, failed.rpo_s, failed.rto_s) == (None, None, None)
    assert good.document() == {**KEPT, "ended": "2027-01-31T12:00:00+00:00"}


def test_they_are_shown_the_newest_first() -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(actions.drills_table(record.latest(store(Cluster({"drills": [NONE, KEPT]})))))
    first, second = [line for line in console.export_text().splitlines() if "2027" in line]
    assert "failed" in first
    assert [one.strip() for one in second.strip("│").split("│")] == [
        "2027-01-31 12:00:00", "good", "11", "45", "46", "66",
    ]  # fmt: skip


def test_a_store_of_an_earlier_release_is_told_what_to_do() -> None:
    with pytest.raises(CliError, match=r"echo\.drills does not exist") as refused:
        record.latest(store(Cluster({}, "Failed")))
    assert "deploy again" in refused.value.hint


@given(
    st.floats(0, 1e9),
    st.sampled_from(["good", "differs", "failed"]),
    st.none() | st.integers(0, 10**12),
    st.none() | st.floats(0, 1e12),
)
def test_a_statement_is_numbers_and_a_word(took: float, outcome: record.Outcome, rows: int | None, rpo: float) -> None:
    made = record.statement(Drilled(took_s=took, outcome=outcome, rows=rows, rpo_s=rpo))
    head, _, arguments = made.removesuffix(")").partition("(")
    assert head == "SELECT echo.drill_ended"
    first, word, *others = arguments.split(", ")
    assert word == f"'{outcome}'"
    assert abs(float(first) - took) <= 0.05
    assert [None if one == "NULL" else float(one) >= 0 for one in others] == [
        None if one is None else True for one in (rows, rpo, None)
    ]
