"""Proves each rule on an object as the API server gives it; not that the rules are complete."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from toolchain.status.diagnose import claim_problems, node_problems, pod_problems

SINCE = datetime(2026, 1, 1, 11, tzinfo=UTC)


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": "models", "name": "chat-0"}, "status": status}


def container(**fields: Any) -> dict[str, Any]:
    return {"name": "ollama", "restartCount": 0, "state": {"running": {}}, **fields}


def test_a_running_pod_and_a_starting_one_are_well() -> None:
    running = pod(phase="Running", containerStatuses=[container()])
    starting = pod(phase="Pending", containerStatuses=[container(state={"waiting": {"reason": "ContainerCreating"}})])
    assert pod_problems([running, starting], SINCE) == []


@pytest.mark.parametrize(
    ("message", "todo"),
    [
        ("0/1 nodes are available: 1 Insufficient cpu.", "smaller resources"),
        ("pod has unbound immediate PersistentVolumeClaims", "storage class"),
        ("0/1 nodes are available: 1 node(s) had untolerated taint {gpu: true}", "toleration"),
    ],
)
def test_an_unscheduled_pod_says_why(message: str, todo: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": message}
    (problem,) = pod_problems([pod(phase="Pending", conditions=[condition])], SINCE)
    assert problem.where == "pod models/chat-0"
    assert problem.what == message
    assert todo in problem.todo


@pytest.mark.parametrize(
    ("status", "what", "todo"),
    [
        (
            container(state={"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}),
            "ImagePullBackOff: not found",
            "make up",
        ),
        (
            container(state={"waiting": {"reason": "CrashLoopBackOff"}}),
            "CrashLoopBackOff",
            "kubectl logs -n models chat-0 --previous",
        ),
        (container(lastState={"terminated": {"reason": "OOMKilled"}}), "out of memory", "memory limit"),
        (
            container(restartCount=3, lastState={"terminated": {"finishedAt": "2026-01-01T12:00:00Z"}}),
            "restarted 3 times",
            "kubectl logs",
        ),
    ],
)
def test_a_container_that_fails(status: dict[str, Any], what: str, todo: str) -> None:
    (problem,) = pod_problems([pod(phase="Running", containerStatuses=[status])], SINCE)
    assert problem.where == "pod models/chat-0, container ollama"
    assert what in problem.what
    assert todo in problem.todo


def test_restarts_of_long_ago_are_over() -> None:
    ended = {"terminated": {"finishedAt": "2026-01-01T10:59:59Z"}}
    statuses = [container(restartCount=9, lastState=ended), container(restartCount=9)]
    assert pod_problems([pod(phase="Running", containerStatuses=statuses)], SINCE) == []


def test_an_evicted_pod() -> None:
    (problem,) = pod_problems([pod(phase="Failed", reason="Evicted")], SINCE)
    assert problem.what == "failed: Evicted"
    assert problem.todo == "kubectl describe pod -n models chat-0"


def test_claims_and_nodes() -> None:
    lost = {"metadata": {"namespace": "models", "name": "data-chat-0"}, "status": {"phase": "Lost"}}
    waiting = {"metadata": {"namespace": "models", "name": "data-chat-1"}, "status": {"phase": "Pending"}}
    assert [problem.where for problem in claim_problems([lost, waiting])] == ["claim models/data-chat-0"]
    conditions = [
        {"type": "Ready", "status": "False", "message": "kubelet stopped"},
        {"type": "DiskPressure", "status": "True", "message": "disk is full"},
        {"type": "MemoryPressure", "status": "False"},
    ]
    problems = node_problems([{"metadata": {"name": "n1"}, "status": {"conditions": conditions}}])
    assert [problem.what for problem in problems] == ["not ready: kubelet stopped", "DiskPressure: disk is full"]
