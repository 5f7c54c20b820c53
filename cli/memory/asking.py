"""Questions to a store, asked by a short-lived pod beside it: nobody else reaches the database."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from cli.exits import CliError
from cli.memory.place import Store, wait_for
from components import pod_security
from components.memory import names
from components.versions import image

LIMIT_S = 900.0
_REACH_S = 60
_UID = 26


@contextmanager
def asked(store: Store, database: str, *statements: str, limit_s: float = LIMIT_S) -> Generator[str]:
    """Have a pod ask, as the role that reads everything; yields its path once it has ended well.

    Args:
        store: beside which it runs.
        database: the store that is asked, or a copy of it.
        statements: each a transaction of its own; none may have dollars, of which Kubernetes makes one of two.
        limit_s: seconds for all of them and for the pod to begin.

    Raises:
        CliError: it did not end well, or in time; says what it wrote.
    """
    name = f"{database}-look-{secrets.token_hex(3)}"
    store.create(store.path("v1", "pods"), pod(store, name, database, statements))
    path = store.path("v1", "pods", name)
    try:
        wait_for(f"{database} is looked at", lambda: _ended(store, path), limit_s)
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
