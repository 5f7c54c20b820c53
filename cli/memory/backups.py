"""Backups as the operator knows them: made now, listed, waited for."""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cli.exits import CliError
from cli.memory import gateway
from cli.memory.place import Store, items, wait_for
from components.memory import names

LIMIT_S = 3600.0
BEGIN_LIMIT_S = 300.0
"""From the operator's wish to a backup's first step, which takes seconds. An operator that is killed between the two
never comes back to it, and everything after it waits."""
_TIMES = 3
_LOGS = "see the log of the database's pods"


@dataclass(frozen=True)
class Backup:
    """One full backup.

    Attributes:
        name: of the object.
        phase: as the operator says it; `completed` when it is whole.
        started: when it began; None before.
        stopped: when it ended; None before.
        error: why it failed.
    """

    name: str
    phase: str
    started: dt.datetime | None
    stopped: dt.datetime | None
    error: str

    @classmethod
    def of(cls, found: dict[str, Any]) -> Backup:
        """Out of the object."""
        status: dict[str, Any] = found.get("status") or {}
        return cls(
            name=found["metadata"]["name"],
            phase=status.get("phase") or "new",
            started=moment(status.get("startedAt")),
            stopped=moment(status.get("stoppedAt")),
            error=status.get("error") or "",
        )

    @property
    def whole(self) -> bool:
        """Whether it can be restored from."""
        return self.phase == "completed"

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "name": self.name,
            "phase": self.phase,
            "started": None if self.started is None else self.started.isoformat(),
            "stopped": None if self.stopped is None else self.stopped.isoformat(),
            "error": self.error,
        }


def moment(text: str | None) -> dt.datetime | None:
    """A time as the API server spells it."""
    return None if not text else dt.datetime.fromisoformat(text)


def all_of(store: Store, name: str | None = None) -> list[Backup]:
    """The store's backups, or those of the store `name`, the newest first."""
    wanted = store.name if name is None else name
    found = [one for one in items(store.api.get(store.operated("backups"))) if _is_of(one, wanted)]
    found.sort(key=lambda one: str(one["metadata"]["creationTimestamp"]), reverse=True)
    return [Backup.of(one) for one in found]


def _is_of(found: dict[str, Any], store: str) -> bool:
    return bool(found["spec"]["cluster"]["name"] == store)


def begin(store: Store) -> str:
    """Ask for one now; returns its name."""
    name = f"{store.name}-{dt.datetime.now(tz=dt.UTC):%Y%m%d%H%M%S}-{secrets.token_hex(2)}"
    body = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Backup",
        "metadata": {"name": name, "labels": names.object_labels(store.settings.namespace, "backups")},
        "spec": {"cluster": {"name": store.name}, "method": "barmanObjectStore"},
    }
    store.create(store.operated("backups"), body)
    return name


class NeverBegunError(CliError):
    """The operator took it up and never began it."""


def make(store: Store, say: Callable[[str], None]) -> Backup:
    """One now, whole. One that the operator forgot is taken back, and asked for again.

    Raises:
        CliError: the gateway does not run, the backup failed, or it took too long.
    """
    gateway.serves(store)
    for left in reversed(range(_TIMES)):
        name = begin(store)
        say(f"backup {name} of {store.name} begins")
        try:
            return wait(store, name)
        except NeverBegunError as error:
            store.api.delete(store.operated("backups", name))
            if not left:
                raise
            say(f"{error}: asking again")
    raise AssertionError


def wait(store: Store, name: str, limit_s: float = LIMIT_S) -> Backup:
    """Wait until it is whole.

    Raises:
        NeverBegunError: the operator took it up and does not begin it.
        CliError: it failed, or took too long.
    """
    taken_up: float | None = None

    def look() -> Backup | None:
        found = store.api.get(store.operated("backups", name))
        if found is None:
            raise CliError(f"backup {name} was deleted while it was waited for")
        backup = Backup.of(found)
        nonlocal taken_up
        if backup.phase != "started":
            taken_up = None
        elif taken_up is None:
            taken_up = time.monotonic()
        elif time.monotonic() - taken_up > BEGIN_LIMIT_S:
            raise NeverBegunError(f"backup {name} was not begun within {BEGIN_LIMIT_S:g} s", "see the operator's log")
        if backup.phase == "failed":
            raise CliError(f"backup {name} failed: {backup.error}", gateway.complaint(store) or _LOGS)
        return backup if backup.whole else None

    return wait_for(f"backup {name} is whole", look, limit_s)
