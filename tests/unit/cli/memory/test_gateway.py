"""What is told of the gateway of backups, out of its pod as the API server shows it.

Not proved: that the gateway says these things; the drill with a bucket has one that does.
"""

from __future__ import annotations

from typing import Any, cast

import pytest

from cli.exits import CliError
from cli.memory import gateway
from cli.memory.place import Store
from components.kube_api import KubeApi
from components.settings.stack import validate

WORDS = "the bucket echo at https://s3.example: there is none of this name"
READY: dict[str, Any] = {"conditions": [{"type": "Ready", "status": "True"}]}
ENDED: dict[str, Any] = {"terminated": {"exitCode": 1, "message": f"{WORDS}\n"}}


def crashed(**state: Any) -> dict[str, Any]:
    return {"conditions": [{"type": "Ready", "status": "False"}], "containerStatuses": [state]}


class Cluster:
    """One pod and its log."""

    def __init__(self, status: dict[str, Any] | None, log: str = "") -> None:
        self.status = status
        self.log = log

    def get(self, path: str) -> dict[str, Any] | None:
        assert path.endswith("/namespaces/echorator-memory/pods/memory-backups-0")
        return None if self.status is None else {"status": self.status}

    def text(self, path: str) -> str:
        assert "/pods/memory-backups-0/log?" in path
        return self.log


def store(status: dict[str, Any] | None, log: str = "") -> Store:
    settings = validate({"environment": "dev", "memory": {"enabled": True, "backups": {"enabled": True}}})
    return Store(settings, cast("KubeApi", Cluster(status, log)))


@pytest.mark.parametrize(
    "status",
    [crashed(state=ENDED), crashed(state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=ENDED)],
    ids=["just ended", "waits to be started again"],
)
def test_a_gateway_that_ended_is_told_in_its_own_words(status: dict[str, Any]) -> None:
    with pytest.raises(CliError, match="there is none of this name"):
        gateway.serves(store(status))
    assert gateway.complaint(store(status)) == f"the gateway of backups ended: {WORDS}"


def test_a_gateway_that_is_ready_serves_whatever_was_before() -> None:
    status: dict[str, Any] = {**READY, "containerStatuses": [{"state": {"running": {}}, "lastState": ENDED}]}
    gateway.serves(store(status))
    assert gateway.complaint(store(status)) == ""


def test_a_gateway_that_runs_tells_its_last_error() -> None:
    log = (
        "2027/01/31 12:00:00 ERROR : a: first\n"
        "2027/01/31 12:00:01 ERROR : b: api error AccessDenied\n"
        "2027/01/31 12:00:01 ERROR : serve s3: InternalError\n"
        "2027/01/31 12:00:02 NOTICE: on\n"
    )
    assert gateway.complaint(store(READY, log)) == "the gateway of backups says: b: api error AccessDenied"


def test_a_gateway_that_is_not_there_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "LIMIT_S", 0.0)
    with pytest.raises(CliError, match="the gateway of backups is ready: not within 0 s"):
        gateway.serves(store(None))
