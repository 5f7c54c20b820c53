"""What a store holds, told by a short-lived pod beside it, and how two of them differ."""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.exits import CliError
from cli.memory.place import Store, wait_for
from components import memory_names as names
from components import pod_security
from components.versions import image

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
_LIMIT_S = 900.0
_REACH_S = 60
_UID = 26


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


def take(store: Store, database: str) -> Fingerprint:
    """Of the store `database`, by a pod that ends with it; a mark is left behind it, for a recovery to that moment.

    Raises:
        CliError: it cannot be had; says what the pod wrote.
    """
    with _asked(store, database, _SQL, _MARK) as path:
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
    with _asked(store, database, _MARK, _ARCHIVED):
        pass


@contextmanager
def _asked(store: Store, database: str, *statements: str) -> Generator[str]:
    """Have a pod ask; yields its path once it has ended well."""
    name = f"{database}-look-{secrets.token_hex(3)}"
    store.create(store.path("v1", "pods"), pod(store, name, database, statements))
    path = store.path("v1", "pods", name)
    try:
        wait_for(f"{database} is looked at", lambda: _ended(store, path), _LIMIT_S)
        yield path
    finally:
        store.api.delete(path)


def _ended(store: Store, path: str) -> bool | None:
    found = store.api.get(path)
    phase = None if found is None else found["status"].get("phase")
    if phase == "Failed":
        raise CliError(f"the database could not be looked at: {_last_words(found or {})}")
    return True if phase == "Succeeded" else None


def _last_words(found: dict[str, Any]) -> str:
    statuses: list[dict[str, Any]] = found["status"].get("containerStatuses") or []
    told: list[str] = [one["state"].get("terminated", {}).get("message", "").strip() for one in statuses]
    return " ".join(told)


def pod(store: Store, name: str, database: str, statements: Sequence[str]) -> dict[str, Any]:
    """The pod that asks, over TLS that it verifies; each statement is a transaction of its own."""
    prefix = store.settings.namespace
    where = f"host={names.host(database, prefix)} dbname={names.DATABASE} user={names.READER} connect_timeout=30"
    trust = {"secretName": names.DATABASE_TLS, "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    asks = "".join(f' -c "$QUERY_{number}"' for number in range(len(statements)))
    script = (
        # A network policy takes a moment to know a new pod; until then nothing answers it.
        f"n=0; until pg_isready -q -t 2 -h {names.host(database, prefix)} || [ $n -ge {_REACH_S} ]; "
        "do n=$((n+1)); sleep 1; done; "
        'PGPASSWORD="$(cat /secret/reader/password)" '
        f'exec psql "{where} sslmode=verify-full sslrootcert=/secret/trust/ca.crt" -XAtq -v ON_ERROR_STOP=1{asks}'
    )
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "labels": {**names.object_labels(prefix, "drill"), names.CLIENT: "true"},
        },
        "spec": {
            **pod_security.POD_SPEC,
            "securityContext": {**pod_security.POD, "runAsUser": _UID, "runAsGroup": _UID, "fsGroup": _UID},
            "restartPolicy": "Never",
            "containers": [
                {
                    "name": "look",
                    "image": image("postgres", store.settings.image_digests),
                    "command": ["sh", "-c", script],
                    "env": [{"name": f"QUERY_{number}", "value": one} for number, one in enumerate(statements)],
                    "terminationMessagePolicy": "FallbackToLogsOnError",
                    "resources": {
                        "requests": {"cpu": "50m", "memory": "64Mi"},
                        "limits": {"cpu": "1", "memory": "256Mi"},
                    },
                    "securityContext": pod_security.CONTAINER,
                    "volumeMounts": [
                        {"name": "reader", "mountPath": "/secret/reader", "readOnly": True},
                        {"name": "trust", "mountPath": "/secret/trust", "readOnly": True},
                    ],
                }
            ],
            "volumes": [
                {"name": "reader", "secret": {"secretName": names.READER_SECRET, "defaultMode": 0o440}},
                {"name": "trust", "secret": trust},
            ],
        },
    }
