"""A table of what the cluster and the agents may say, and the phase that each row is.

Not shown: that a real cluster says it in these words; tests/integration/test_cli.py looks at one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from cli.phases import Phase, State, adopted_state, model_phase, replica_state, server_state
from replica_agent.report import ReplicaReport

SINCE = "2026-01-01T00:00:00Z"


def pod(
    *,
    scheduled: str | None = None,
    ready: bool = False,
    running: int = 2,
    waiting: str = "",
    restarts: int = 0,
    **more: Any,
) -> dict[str, Any]:
    conditions = [{"type": "PodScheduled", "status": "True" if scheduled is None else "False", "message": scheduled}]
    conditions.append({"type": "Ready", "status": "True" if ready else "False", "message": "containers unready"})
    states: list[dict[str, Any]] = [{"running": {}}] * running
    if waiting:
        states.append({"waiting": {"reason": waiting, "message": "said so"}})
    statuses = [{"name": f"c{at}", "state": state, "restartCount": restarts} for at, state in enumerate(states)]
    return {
        "metadata": {"name": "chat-0", **more},
        "spec": {"containers": [{}, {}]},
        "status": {"conditions": conditions, "containerStatuses": statuses},
    }


def claim(phase: str) -> dict[str, Any]:
    return {"metadata": {"name": "data-chat-0"}, "status": {"phase": phase}}


def report(*models: str | Mapping[str, Any], **more: Any) -> ReplicaReport:
    found = [
        {"name": "m:1", "fingerprint": "f", "since": SINCE, **({"phase": one} if isinstance(one, str) else one)}
        for one in models
    ]
    return ReplicaReport.model_validate(
        {"server": "chat", "replica": "chat-0", "phase": "Ready", "models": found, **more}
    )


FAILURE = {"kind": "resource", "message": "no room", "hint": ""}
ROWS: Sequence[tuple[str, Any, list[dict[str, Any]], ReplicaReport | None, Phase, str]] = [
    ("no pod", None, [], None, Phase.PENDING, "no pod"),
    (
        "no room",
        pod(scheduled="Insufficient cpu", running=0),
        [claim("Pending")],
        None,
        Phase.PENDING,
        "cpu",
    ),
    ("no claim bound", pod(scheduled="", running=0), [claim("Pending")], None, Phase.STORAGE, "data-chat-0"),
    (
        "claims unbound",
        pod(scheduled="pod has unbound immediate PersistentVolumeClaims", running=0),
        [claim("Pending")],
        None,
        Phase.STORAGE,
        "data-chat-0",
    ),
    ("scheduled before bound", pod(running=0), [claim("Pending")], None, Phase.STORAGE, "data-chat-0"),
    ("creating", pod(running=0, waiting="ContainerCreating"), [claim("Bound")], None, Phase.IMAGES, "made"),
    ("one of two runs", pod(running=1), [claim("Bound")], None, Phase.IMAGES, "made"),
    ("image broken", pod(running=1, waiting="ImagePullBackOff"), [], None, Phase.FAILED, "ImagePullBackOff said so"),
    ("crash loop", pod(running=1, waiting="CrashLoopBackOff"), [], report("Ready"), Phase.FAILED, "CrashLoopBackOff"),
    ("starts again", pod(running=1, restarts=1), [], None, Phase.MODELS, "again"),
    ("agent silent", pod(), [claim("Bound")], None, Phase.MODELS, "does not answer"),
    ("agent not asked", pod(ready=True), [], None, Phase.READY, "cannot be asked"),
    ("agent new", pod(), [], report(), Phase.MODELS, "not heard of m:1"),
    ("model waits", pod(), [], report("Pending"), Phase.MODELS, "m:1 Pending"),
    (
        "model pulls",
        pod(),
        [],
        report({"phase": "Pulling", "completed": 1_500_000, "total": 3_000_000}),
        Phase.MODELS,
        "1.5 of 3.0 MB",
    ),
    ("model pulls on a Ready pod", pod(ready=True), [], report("Verifying"), Phase.MODELS, "Verifying"),
    ("model tried again", pod(), [], report({"phase": "Retrying", "failure": FAILURE}), Phase.MODELS, "no room"),
    (
        "model failed",
        pod(ready=True),
        [],
        report({"phase": "Failed", "failure": FAILURE}),
        Phase.FAILED,
        "m:1: no room",
    ),
    ("model loads", pod(), [], report("Loading"), Phase.RUNNING, "loads m:1"),
    ("not admitted", pod(), [], report("Ready"), Phase.RUNNING, "unready"),
    ("all well", pod(ready=True), [claim("Bound")], report("Ready"), Phase.READY, ""),
    ("draining", pod(ready=True), [], report("Ready", draining=True, inFlight=3), Phase.TERMINATING, "3 requests"),
    ("deleted", pod(ready=True, deletionTimestamp=SINCE), [], report("Ready"), Phase.TERMINATING, ""),
]


@pytest.mark.parametrize(
    ("given", "claims", "said", "phase", "why"), [row[1:] for row in ROWS], ids=[r[0] for r in ROWS]
)
def test_replica(given: Any, claims: list[Any], said: ReplicaReport | None, phase: Phase, why: str) -> None:
    found = replica_state(given, claims, said, ["m:1"])
    assert found.phase is phase
    assert why in found.why
    assert bool(found.why) == bool(why)


READY, PULLING = State(Phase.READY), State(Phase.MODELS, "m:1 Pulling")
BAD, GOING = State(Phase.FAILED, "no room"), State(Phase.TERMINATING)
SERVERS: Sequence[tuple[str, int | None, Mapping[str, State], int, Phase, str]] = [
    ("not deployed", None, {}, 1, Phase.PENDING, "not deployed"),
    ("nothing yet", 2, {}, 2, Phase.PENDING, ""),
    ("all ready", 2, {"a": READY, "b": READY}, 2, Phase.READY, ""),
    ("none wanted", 0, {}, 0, Phase.READY, ""),
    ("one failed", 2, {"a": READY, "b": BAD}, 2, Phase.FAILED, "b: no room"),
    ("first models", 2, {"a": PULLING, "b": State(Phase.RUNNING)}, 2, Phase.MODELS, "a: m:1 Pulling"),
    ("first storage", 2, {"a": PULLING, "b": State(Phase.STORAGE, "no volume")}, 2, Phase.STORAGE, "b: no volume"),
    ("grows", 3, {"a": READY, "b": READY, "c": PULLING}, 3, Phase.SCALING, "2 of 3"),
    ("pod missing", 3, {"a": READY, "b": READY}, 3, Phase.SCALING, "2 of 3"),
    ("shrinks", 1, {"a": READY, "b": GOING}, 1, Phase.SCALING, "1 of 1"),
    ("configured, not deployed", 1, {"a": READY}, 3, Phase.SCALING, "1 replicas are deployed and 3 configured"),
    ("to none, not deployed", 1, {"a": READY}, 0, Phase.SCALING, "0 configured"),
    ("the last goes", 1, {"a": GOING}, 1, Phase.TERMINATING, ""),
]


@pytest.mark.parametrize(
    ("deployed", "replicas", "wanted", "phase", "why"), [row[1:] for row in SERVERS], ids=[row[0] for row in SERVERS]
)
def test_server(deployed: int | None, replicas: Mapping[str, State], wanted: int, phase: Phase, why: str) -> None:
    found = None if deployed is None else {"metadata": {"name": "chat"}, "spec": {"replicas": deployed}}
    state = server_state(found, replicas, wanted)
    assert state.phase is phase
    assert why in state.why
    assert bool(state.why) == bool(why)


def test_a_server_that_is_being_deleted_is_terminating_whatever_its_replicas_do() -> None:
    deleted = {"metadata": {"name": "chat", "deletionTimestamp": SINCE}, "spec": {"replicas": 1}}
    assert server_state(deleted, {"a": BAD}, 1).phase is Phase.TERMINATING


def test_a_server_elsewhere() -> None:
    assert adopted_state(None, "refused") == State(Phase.FAILED, "refused")
    assert adopted_state({"a": "sha256:0", "b": None}) == State(Phase.MODELS, "not there: b")
    assert adopted_state({}).phase is Phase.READY


def test_a_model_of_which_nobody_says_anything_is_unknown() -> None:
    assert model_phase(None, "m:1") == "Unknown"
    assert model_phase(report("Loading"), "m:2") == "Unknown"
    assert model_phase(report("Loading"), "m:1") == "Loading"
