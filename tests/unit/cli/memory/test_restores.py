"""From which backup a restore begins, under which name, and what it writes into the stack's file.

Not proved: that the operator restores; `make drill OF=memory` shows that.
"""

from __future__ import annotations

import datetime as dt

import pytest
import yaml

from cli.exits import UsageError
from cli.memory.backups import Backup
from cli.memory.restores import Plan, Wish, following, plan
from cli.yaml_text import YamlText

NOW = dt.datetime(2027, 1, 31, 12, tzinfo=dt.UTC)
FILE = """\
config:
  echorator:memory:
    enabled: true # keeps what it says
    backups: {enabled: true}
"""


def backup(name: str, hour: int, phase: str = "completed") -> Backup:
    at = dt.datetime(2027, 1, 31, hour, tzinfo=dt.UTC)
    return Backup(name, phase, at - dt.timedelta(minutes=5), at, "")


BACKUPS = [backup("late", 10), backup("broken", 9, "failed"), backup("middle", 8), backup("early", 6)]


@pytest.mark.parametrize(
    ("time", "begins"),
    [
        (None, "late"),
        ("2027-01-31T11:00:00Z", "late"),
        ("2027-01-31T10:00:00+01:00", "middle"),
        ("2027-01-31T06:00:00Z", "early"),
    ],
)
def test_it_begins_from_the_last_whole_backup_before_the_moment(time: str | None, begins: str) -> None:
    made = plan(Wish(time), "memory", BACKUPS, NOW)
    assert made.backup is not None
    assert (made.backup.name, made.source, made.name) == (begins, "memory", "memory-2")


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (Wish("2027-01-31T05:00:00Z"), "no backup of memory is from before"),
        (Wish("2027-01-31T13:00:00Z"), "is yet to come"),
        (Wish("2027-01-31T05:00:00"), "in which zone"),
        (Wish("yesterday"), "is no moment"),
        (Wish(name="memory"), "a store that is there"),
    ],
)
def test_what_cannot_be(wish: Wish, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        plan(wish, "memory", BACKUPS, NOW)


def test_the_first_moment_is_told() -> None:
    with pytest.raises(UsageError) as raised:
        plan(Wish("2027-01-31T05:00:00Z"), "memory", BACKUPS, NOW)
    assert "2027-01-31T06:00:00+00:00" in str(raised.value.hint)


def test_a_new_cluster_takes_the_archive_at_its_word_when_it_is_named() -> None:
    with pytest.raises(UsageError, match="has no whole backup"):
        plan(Wish(), "memory", [], NOW)
    assert plan(Wish(source="lost", name="memory-5"), "memory", [], NOW) == Plan("lost", "memory-5", None, None)


def test_names_are_counted_up() -> None:
    assert [following(name) for name in ("memory", "memory-2", "memory-9")] == ["memory-2", "memory-3", "memory-10"]


def test_the_file_keeps_all_else() -> None:
    made = plan(Wish("2027-01-31T09:00:00Z"), "memory", BACKUPS, NOW)
    text = made.edited(YamlText(FILE)).text
    assert "# keeps what it says" in text
    memory = yaml.safe_load(text)["config"]["echorator:memory"]
    assert memory == {
        "enabled": True,
        "backups": {"enabled": True},
        "name": "memory-2",
        "recovery": {"source": "memory", "time": "2027-01-31T09:00:00+00:00"},
    }
