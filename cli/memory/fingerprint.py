"""What a store holds, and how two of them differ."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.exits import CliError
from cli.memory.asking import asked
from cli.memory.place import Store

_SQL = (Path(__file__).parent / "fingerprint.sql").read_text(encoding="utf-8")
_MARK = "DO 'BEGIN PERFORM pg_current_xact_id(); END'"
"""A transaction that writes nothing but its own end. A recovery to a moment sees that it is past it by the end of a
later transaction alone: of a store that nobody writes to it would read the whole archive, and fail."""
# No dollars for quotes: Kubernetes makes one of two in a variable.
_ARCHIVED = """DO '
DECLARE segment text := pg_walfile_name(pg_current_wal_insert_lsn());
BEGIN
    WHILE (SELECT last_archived_wal IS NULL OR last_archived_wal < segment FROM pg_stat_archiver) LOOP
        PERFORM pg_sleep(1);
        PERFORM pg_stat_clear_snapshot();
    END LOOP;
END'"""
_MARK_S = 180.0
"""A segment is archived after a minute. Where nothing is archived at all, a restore must not wait for that."""


@dataclass(frozen=True)
class Fingerprint:
    """Of one store at one moment.

    Attributes:
        at: when.
        archived: when the newest archived segment of its write-ahead log was archived; None before the first.
        tables: to rows and hash.
        samples: table and column of vectors to how many were asked for and a hash of what they found.
    """

    at: dt.datetime
    archived: dt.datetime | None
    tables: Mapping[str, tuple[int, str]]
    samples: Mapping[str, tuple[int, str]]

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Fingerprint:
        """Out of what the query gives."""
        archived = found["archived"]
        return cls(
            at=dt.datetime.fromisoformat(found["at"]),
            archived=None if archived is None else dt.datetime.fromisoformat(archived),
            tables={name: (int(one["rows"]), str(one["hash"])) for name, one in found["tables"].items()},
            samples={name: (int(one["asked"]), str(one["hash"])) for name, one in found["samples"].items()},
        )

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(rows for rows, _ in self.tables.values())


def differences(before: Fingerprint, after: Fingerprint) -> list[str]:
    """What the second one lacks, has besides or has otherwise, in words; nothing where they agree."""
    found: list[str] = []
    for name in sorted({*before.tables, *after.tables}):
        had, has = before.tables.get(name), after.tables.get(name)
        if had is None or has is None:
            found.append(f"{name}: only in {'the source' if has is None else 'the copy'}")
        elif had[0] != has[0]:
            found.append(f"{name}: {had[0]} rows in the source, {has[0]} in the copy")
        elif had[1] != has[1]:
            found.append(f"{name}: {had[0]} rows in both, with other contents")
    found += [
        f"{name}: the same question finds other memories"
        for name in sorted(before.samples)
        if name in after.samples and before.samples[name] != after.samples[name]
    ]
    return found


def take(store: Store, database: str, *, mark_left: bool = False) -> Fingerprint:
    """Of the store `database`.

    Args:
        store: beside which the pod runs that looks.
        database: the store, or a copy of it.
        mark_left: whether a mark is left behind this moment, for a recovery to it.

    Raises:
        CliError: it cannot be had; says what the pod wrote.
    """
    with asked(store, database, _SQL, *([_MARK] if mark_left else [])) as path:
        try:
            # The log is one JSON document, or words where psql failed.
            return Fingerprint.of(store.api.get(f"{path}/log") or {})
        except (ValueError, KeyError) as error:
            message = f"{database} could not be looked at: {error}"
            raise CliError(message, "see the log of the database's pods") from error


def mark(store: Store, database: str) -> None:
    """Leave a mark in the archive behind this moment, so that a recovery to any moment until now sees its end.

    Raises:
        CliError: the database does not answer, or nothing is archived.
    """
    with asked(store, database, _MARK, _ARCHIVED, limit_s=_MARK_S):
        pass
