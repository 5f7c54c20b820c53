"""Proves how a process's state becomes a sentence. Real components are looked at in tests/integration."""

from __future__ import annotations

from typing import Any

import pytest

from toolchain.node.health import CHECKS, Check
from toolchain.node.layout import NodeLayout
from toolchain.node.node import Node
from toolchain.node.ports import free_port
from toolchain.node.status import ComponentStatus, judged, problem_of
from toolchain.reduced.status import Here


@pytest.mark.parametrize(
    ("process", "told", "problem"),
    [
        ({"pid": 7}, "", ""),
        ({"pid": 7}, "/healthz answered 500: no", "/healthz answered 500: no"),
        ({"waits_for": "unix:/run/c.sock"}, "", "waits for unix:/run/c.sock"),
        ({"last_exit": "killed by SIGKILL"}, "", "does not run; last: killed by SIGKILL"),
        ({}, "", "is being started"),
    ],
)
def test_problem(process: dict[str, Any], told: str, problem: str) -> None:
    assert problem_of({"pid": None, "waits_for": "", "last_exit": "", **process}, told) == problem


def test_every_process_is_judged_by_its_state_and_its_check(layout: NodeLayout) -> None:
    state = {"pid": None, "restarts": 2, "age_s": None, "waits_for": "", "last_exit": "exit status 1"}
    running = {**state, "pid": 7, "age_s": 3.0}
    processes = [{"name": "ended", **state}, {"name": "unasked", **running}, {"name": "deaf", **running}]
    check = Check("127.0.0.1", free_port(), "/healthz")
    ended, unasked, deaf = judged({"processes": processes}, {"ended": check, "deaf": check}, Here(), layout)
    assert (ended.running, ended.restarts, ended.healthy) == (False, 2, False)
    assert ended.problem == "does not run; last: exit status 1"
    assert str(layout.logs / "ended.log") in ended.hint
    assert unasked == ComponentStatus("unasked", running=True, pid=7, restarts=2, age_s=3.0, healthy=True)
    assert (deaf.running, deaf.healthy) == (True, False)
    assert deaf.problem.startswith(f"does not answer on 127.0.0.1:{check.port}")


def test_node_that_was_never_started(layout: NodeLayout) -> None:
    status = Node(layout).status()
    assert not status.running
    assert status.node_ready is None
    assert status.problems == ("the local node does not run: `make up` starts it",)


def test_ending_a_node_that_was_never_started_makes_nothing(layout: NodeLayout) -> None:
    Node(layout).down(purge=True)
    assert not layout.state.exists()


def test_every_long_lived_server_has_a_health_check() -> None:
    assert set(CHECKS) == {
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubelet",
        "kube-proxy",
        "kube-router",
        "registry",
    }
