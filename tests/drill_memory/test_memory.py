"""`make drill`: what happens to the memory's database and its backups raises its alert, and no other.

With CloudNativePG's own exporter by TLS, which the rules and the dashboard were written for. Not shown: `BackupLate`
and `DrillLate`, which wait for days (tests/monitoring/cases_echo.py has them).
"""

from __future__ import annotations

import pytest

from cli.exits import CliError
from cli.memory import drill as drills
from cli.memory import record
from cli.memory.place import Store
from components.memory import names
from tests.drill.bed import Drill
from tests.drill.pictures import keep
from tests.support.kube import wait_for
from toolchain import paths

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(3600)]

_DATABASE = "memory-1"
_OF_MINDS = "memory: Memories by kind"
"""Told by the echo service of the spaces that it learned in: tests/monitoring/test_queries.py has it."""
_SEGMENTS = 5
"""More than the alert lets wait."""


def test_the_database_is_seen(drill: Drill, place: Store) -> None:
    """By TLS, through its own opening, and each panel of its dashboard finds series once a restore was tried out."""
    assert drills.run(place, print).differences == []
    wanted = f"memory-database/{_DATABASE}"
    wait_for("the database is asked", lambda: drill.prometheus.targets().get(wanted) == "up", 180)
    assert drill.prometheus.schemes()["memory-database"] == {"https"}
    boards = paths.state_dir() / "boards-memory.json"

    def empty() -> list[str]:
        return [one for one in keep(drill.prometheus, boards) if one.startswith("memory: ") and one != _OF_MINDS]

    try:
        wait_for("every panel has something to show", lambda: not empty(), 300)
    except AssertionError as error:
        raise AssertionError(f"{error}: {empty()}") from error


def test_backups_are_stopped(hurrying: Drill) -> None:
    def begin() -> None:
        gateway(hurrying, 0)
        for _ in range(_SEGMENTS):
            finish_a_segment(hurrying)

    # What waits is sent within a minute of the gateway's return: the server tries again once a minute.
    hurrying.case("backups are stopped", "ArchiveStuck", begin, lambda: gateway(hurrying, 1))


def test_the_database_is_stopped(hurrying: Drill) -> None:
    """What follows from it (no recall, nothing learned, an instance that is down) is held back."""
    hurrying.case(
        "the database is stopped",
        "DatabaseDown",
        lambda: fence(hurrying, on=True),
        lambda: fence(hurrying, on=False),
    )


def test_a_restore_that_is_tried_out_fails(hurrying: Drill, place: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `echorator drill` does it, with less time than a restore takes; the next one, which has it, ends the alert."""
    monkeypatch.setattr(drills, "RESTORE_LIMIT_S", 3.0)

    def fail() -> None:
        with pytest.raises(CliError, match="not within 3 s"):
            drills.run(place, print)

    def succeed() -> None:
        monkeypatch.undo()
        assert drills.run(place, print).differences == []

    hurrying.case("a restore is tried out and fails", "DrillFailed", fail, succeed)
    assert [one.outcome for one in record.latest(place)][:2] == ["good", "failed"]


def gateway(drill: Drill, replicas: int) -> None:
    """Take away, or bring back, what backups go through."""
    path = f"/apis/apps/v1/namespaces/{names.namespace(drill.stack.name)}/statefulsets/{names.GATEWAY}"
    drill.kube.patch(path, {"spec": {"replicas": replicas}})


def finish_a_segment(drill: Drill) -> None:
    """Write something, and begin another segment of the log."""
    write = "SELECT pg_logical_emit_message(false, 'drill', 'x'); SELECT pg_switch_wal()"
    drill.kube.execute(names.namespace(drill.stack.name), _DATABASE, "postgres", "psql", "-XAtqc", write)


def fence(drill: Drill, *, on: bool) -> None:
    """Have the operator stop the server in its pod, or start it again."""
    path = f"/apis/postgresql.cnpg.io/v1/namespaces/{names.namespace(drill.stack.name)}/clusters/memory"
    drill.kube.patch(path, {"metadata": {"annotations": {"cnpg.io/fencedInstances": '["*"]' if on else None}}})
