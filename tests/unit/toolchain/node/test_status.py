"""Proves how a process's state becomes a sentence. Real components are looked at in tests/integration."""

from __future__ import annotations

from typing import Any

import pytest

from toolchain.node.health import CHECKS
from toolchain.node.layout import NodeLayout
from toolchain.node.node import Node
from toolchain.node.status import problem_of


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
