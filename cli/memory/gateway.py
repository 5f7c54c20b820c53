"""What the gateway of backups says when backups fail: only it talks to the bucket, so only it knows why."""

from __future__ import annotations

from typing import Any

from cli.exits import CliError
from cli.memory.place import Store, wait_for
from components.memory import names

POD = f"{names.GATEWAY}-0"
LIMIT_S = 120.0
"""For a gateway that is just being started."""
_LINES = 200
_SINCE_S = 600


def serves(store: Store) -> None:
    """Wait until it is ready.

    Raises:
        CliError: it ended and says why, or is not ready for another reason.
    """

    def look() -> bool | None:
        found = store.api.get(store.path("v1", "pods", POD))
        if _ready(found):
            return True
        words = last_words(found)
        if words:
            raise CliError(f"the gateway of backups ended: {words}", f"see the pod {POD} in {store.namespace}")
        return None

    wait_for("the gateway of backups is ready", look, LIMIT_S)


def complaint(store: Store) -> str:
    """Its last error; empty where it has none."""
    path = store.path("v1", "pods", POD)
    found = store.api.get(path)
    if not _ready(found):
        words = last_words(found)
        return f"the gateway of backups ended: {words}" if words else "the gateway of backups is not ready"
    told = store.api.text(f"{path}/log?tailLines={_LINES}&sinceSeconds={_SINCE_S}")
    # What it answered the database says nothing of why.
    errors = [line for line in told.splitlines() if " ERROR " in line and " serve s3:" not in line]
    return f"the gateway of backups says: {errors[-1].partition(' ERROR ')[2].strip(' :')}" if errors else ""


def last_words(found: dict[str, Any] | None) -> str:
    """Of a pod whose container ended and does not run well since; empty where there are none."""
    if found is None or _ready(found):
        return ""
    statuses: list[dict[str, Any]] = found["status"].get("containerStatuses") or []
    states: list[dict[str, Any]] = [one.get(kind) or {} for one in statuses for kind in ("state", "lastState")]
    for state in states:
        end: dict[str, Any] = state.get("terminated") or {}
        if end.get("exitCode") and end.get("message"):
            return str(end["message"]).strip()
    return ""


def _ready(found: dict[str, Any] | None) -> bool:
    conditions: list[dict[str, str]] = [] if found is None else found["status"].get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
