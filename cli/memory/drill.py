"""A restore that is tried out: a copy beside the store, compared with it, timed and taken away again."""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from cli.exits import CliError
from cli.memory import backups, fingerprint, record
from cli.memory.fingerprint import Fingerprint
from cli.memory.place import Store, items, wait_for
from cli.memory.record import Drilled
from cli.phases import condition
from components.kube_api import KubeApiError, KubeUnreachableError
from components.memory import backup as memory_backup
from components.memory import names
from components.memory import postgres_objects as postgres
from components.quantity import parse_cpu
from components.settings.memory import RecoverySettings

RESTORE_LIMIT_S = 3600.0
_CPU = "100m"
"""That a copy asks for at most: beside a store that asks for one of a laptop's two processors, another such would wait
for ever. It may use as much as the store."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Result:
    """What a drill found.

    Attributes:
        source: the store as it was.
        copy: the restored one.
        differences: what the copy lacks or has otherwise; nothing is a drill that went well.
        rpo_s: seconds of changes that the loss of the cluster would have cost when the drill began.
        rto_s: seconds from the wish to a copy that answers.
    """

    source: Fingerprint
    copy: Fingerprint
    differences: list[str]
    rpo_s: float
    rto_s: float

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "ok": not self.differences,
            "at": self.source.at.isoformat(),
            "tables": len(self.source.tables),
            "rows": self.source.rows,
            "samples": sum(asked for asked, _ in self.source.samples.values()),
            "differences": self.differences,
            "rpoSeconds": round(self.rpo_s, 1),
            "rtoSeconds": round(self.rto_s, 1),
        }


def run(store: Store, say: Say) -> Result:
    """Restore the store as it is now, compare, take the copy away, and keep in the store how it ended.

    Raises:
        CliError: there is no backup, or the copy does not come up.
    """
    store.cluster()
    begun = time.monotonic()
    try:
        result = _tried(store, say)
    except Exception:
        _keep(store, Drilled(took_s=time.monotonic() - begun, outcome="failed"), say)
        raise
    done = Drilled(
        took_s=time.monotonic() - begun,
        outcome="differs" if result.differences else "good",
        rows=result.copy.rows,
        rpo_s=result.rpo_s,
        rto_s=result.rto_s,
    )
    _keep(store, done, say)
    return result


def _keep(store: Store, done: Drilled, say: Say) -> None:
    try:
        record.keep(store, done)
    except (CliError, KubeApiError, KubeUnreachableError) as error:
        # How the drill itself ended is what was asked for.
        say(f"the store does not keep how this drill ended: {error}")


def _tried(store: Store, say: Say) -> Result:
    if not any(one.whole for one in backups.all_of(store)):
        raise CliError("there is no whole backup yet", "`echorator backup` makes one")
    say(f"looking at {store.name}")
    source = fingerprint.take(store, store.name, mark_left=True)
    rpo_s = _age(source)
    say(f"{source.rows} rows in {len(source.tables)} tables; waiting until the archive has gone past this moment")
    # It ends after the moment that is restored to, so the archive holds what comes after it: that a recovery to a
    # moment sees its end, not the archive's.
    backups.make(store, say)
    name = f"{store.name}-drill-{secrets.token_hex(3)}"
    say(f"restoring to {source.at.isoformat()} as {name}")
    begun = time.monotonic()
    with _copy(store, name, source.at):
        _wait(store, name, say)
        rto_s = time.monotonic() - begun
        say(f"it answers after {rto_s:.0f} s; comparing")
        found = fingerprint.take(store, name)
    return Result(source, found, fingerprint.differences(source, found), rpo_s, rto_s)


def _age(source: Fingerprint) -> float:
    """Nothing archived yet: all since the beginning; that is never less than what the operator waits for."""
    begin = source.archived if source.archived is not None else dt.datetime.fromtimestamp(0, tz=dt.UTC)
    return max((source.at - begin).total_seconds(), 0.0)


def _wait(store: Store, name: str, say: Say) -> None:
    """Until it answers; what it waits for itself is said once."""
    said: set[str] = set()

    def look() -> bool | None:
        hindrance = _hindrance(store, name)
        if hindrance is not None and hindrance not in said:
            said.add(hindrance)
            say(f"it cannot start yet: {hindrance}")
        return _answers(store, name)

    wait_for(f"{name} answers", look, RESTORE_LIMIT_S)


def _hindrance(store: Store, name: str) -> str | None:
    """Why a pod of a copy has no place; None where all have one."""
    for pod in items(store.api.get(store.path("v1", "pods"))):
        if pod["metadata"].get("labels", {}).get(names.STORE) != name:
            continue
        scheduled = condition(pod.get("status", {}), "PodScheduled")
        if scheduled.get("status") == "False":
            return str(scheduled.get("message") or "its pod has no node")
    return None


def _answers(store: Store, name: str) -> bool | None:
    found = store.api.get(store.operated("clusters", name))
    status: dict[str, Any] = {} if found is None else found.get("status") or {}
    return True if condition(status, "Ready").get("status") == "True" else None


@contextlib.contextmanager
def _copy(store: Store, name: str, at: dt.datetime) -> Generator[None]:
    settings = store.settings
    memory = settings.memory.model_copy(
        update={"name": name, "instances": 1, "recovery": RecoverySettings(source=store.name, time=at.isoformat())}
    )
    wanted = memory_backup.database(
        memory,
        prefix=settings.namespace,
        environment=settings.environment,
        storage_class=settings.cluster.storage_class,
        priority=f"{settings.namespace}-store",
        digests=settings.image_digests,
    )
    spec = postgres.cluster(wanted)
    # It must not archive: that would be one more store in the archive, for nothing.
    del spec["backup"]
    requests: dict[str, str] = spec["resources"]["requests"]
    requests["cpu"] = min(requests["cpu"], _CPU, key=parse_cpu)
    path = store.operated("clusters")
    body = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": name, "labels": names.object_labels(settings.namespace, "drill")},
        "spec": spec,
    }
    store.create(path, body)
    try:
        yield
    finally:
        store.api.delete(f"{path}/{name}")
