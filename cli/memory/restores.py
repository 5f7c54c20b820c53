"""What a restore would do: from which backup, to which moment, under which name. Nothing is touched here."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cli.exits import UsageError
from cli.memory.backups import Backup
from cli.stack_file import CONFIG, PREFIX
from cli.yaml_text import YamlText

_MEMORY = (CONFIG, f"{PREFIX}memory")
_NUMBERED = re.compile(r"(.*)-(\d+)")


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        time: up to which changes are repeated, RFC 3339; None is the last one that was archived.
        name: of the new store; None is the next number after the present one's.
        source: of the store whose backups are restored; None is the present one.
    """

    time: str | None = None
    name: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Plan:
    """What will be done.

    Attributes:
        source: name of the store whose backup it is.
        name: of the new store.
        time: up to which changes are repeated; None is the last one that was archived.
        backup: that it begins from; None where the cluster knows of none and the archive is taken at its word.
    """

    source: str
    name: str
    time: dt.datetime | None
    backup: Backup | None

    def lines(self) -> list[str]:
        """The same in words."""
        moment = "the last change that was archived" if self.time is None else self.time.isoformat()
        begin = f"begins from backup {self.backup.name}" if self.backup is not None else "begins from the archive"
        return [
            f"{self.name} {begin} of {self.source}, and repeats what changed up to {moment}",
            f"services use {self.name} once it is there; {self.source} stays as it is, with its volume and its backups",
        ]

    def document(self) -> dict[str, str | None]:
        """For `--json`."""
        return {
            "source": self.source,
            "name": self.name,
            "time": None if self.time is None else self.time.isoformat(),
            "backup": None if self.backup is None else self.backup.name,
        }

    def edited(self, yaml: YamlText) -> YamlText:
        """The configuration that does it."""
        recovery = {"source": self.source, **({} if self.time is None else {"time": self.time.isoformat()})}
        return yaml.set((*_MEMORY, "name"), self.name).set((*_MEMORY, "recovery"), recovery)


def plan(wish: Wish, present: str, found: Sequence[Backup], now: dt.datetime) -> Plan:
    """Find the backup that a restore begins from.

    Args:
        wish: what is asked for.
        present: name of the store that runs.
        found: backups of the source that the cluster knows of.
        now: this moment.

    Raises:
        UsageError: the moment is none, or no backup is from before it.
    """
    time = None if wish.time is None else _moment(wish.time, now)
    source = wish.source or present
    name = wish.name or following(present)
    if name in (source, present):
        raise UsageError(
            f"`{name}` is the name of a store that is there", "a restore never writes into one: choose another"
        )
    whole = sorted((one for one in found if one.whole and one.stopped is not None), key=lambda one: str(one.stopped))
    fitting = [one for one in whole if time is None or (one.stopped is not None and one.stopped <= time)]
    if fitting:
        return Plan(source, name, time, fitting[-1])
    if wish.source is not None and not whole:
        # After the loss of a cluster nothing in the new one knows of the old one's backups.
        return Plan(source, name, time, None)
    if whole:
        first = whole[0].stopped
        raise UsageError(
            f"no backup of {source} is from before {wish.time}",
            f"the first moment that can be restored to is {'' if first is None else first.isoformat()}",
        )
    raise UsageError(f"{source} has no whole backup", "`echorator backup --list` shows what there is")


def following(name: str) -> str:
    """`memory` to `memory-2`, `memory-2` to `memory-3`."""
    numbered = _NUMBERED.fullmatch(name)
    return f"{name}-2" if numbered is None else f"{numbered[1]}-{int(numbered[2]) + 1}"


def _moment(text: str, now: dt.datetime) -> dt.datetime:
    try:
        time = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"`{text}` is no moment", "such as 2027-01-31T12:00:00Z") from error
    if time.tzinfo is None:
        raise UsageError(f"`{text}` does not say in which zone", "such as 2027-01-31T12:00:00Z")
    if time > now:
        raise UsageError(f"{text} is yet to come", f"now it is {now.isoformat(timespec='seconds')}")
    return time
