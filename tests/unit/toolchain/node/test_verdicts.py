"""Proves what is read from the API server's and the supervisor's answers, on hand-made ones."""

from __future__ import annotations

import datetime as dt
from typing import Any

from toolchain.node import verdicts

BEAT = dt.datetime(2030, 1, 1, 12, 0, 10, tzinfo=dt.UTC).timestamp()


def node(status: str = "True", taints: list[dict[str, str]] | None = None) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "lastHeartbeatTime": "2030-01-01T12:00:10Z"}
    spec: dict[str, Any] = {} if taints is None else {"taints": taints}
    return {"spec": spec, "status": {"conditions": [{"type": "DiskPressure", "status": "False"}, ready]}}


def test_ready_since_the_start() -> None:
    assert verdicts.ready_since(node(), BEAT - 5)


def test_heartbeat_in_the_second_of_the_start_counts() -> None:
    assert verdicts.ready_since(node(), BEAT + 0.9)


def test_ready_from_before_the_start_is_not_believed() -> None:
    assert not verdicts.ready_since(node(), BEAT + 1)


def test_not_ready() -> None:
    assert not verdicts.ready_since(node("False"), BEAT - 5)
    assert not verdicts.ready_since(node("Unknown"), BEAT - 5)
    assert not verdicts.ready_since(None, BEAT - 5)


def test_the_first_taint_is_waited_for_and_others_are_not() -> None:
    assert not verdicts.ready_since(node(taints=[{"key": "node.kubernetes.io/not-ready"}]), BEAT)
    assert verdicts.ready_since(node(taints=[{"key": "gpu"}]), BEAT)


def forwarder(**changes: Any) -> dict[str, Any]:
    process = {"name": "forward-api", "pid": 7, "last_exit": "", "age_s": 0.1}
    return {"processes": [{"name": "etcd", "pid": 1, "last_exit": "", "age_s": 9.0}, {**process, **changes}]}


def test_port_was_taken_is_the_forwarders_own_exit_status() -> None:
    assert verdicts.port_was_taken(forwarder(pid=None, last_exit="exit status 98", age_s=None))
    assert not verdicts.port_was_taken(forwarder(pid=None, last_exit="killed by SIGKILL", age_s=None))
    assert not verdicts.port_was_taken(forwarder())


def test_a_running_forwarder_owns_its_port() -> None:
    assert verdicts.ours(forwarder()) == {"api"}
    assert verdicts.ours(forwarder(last_exit="killed by SIGKILL")) == {"api"}


def test_a_forwarder_that_just_found_its_port_taken_does_not_own_it() -> None:
    assert verdicts.ours(forwarder(last_exit="exit status 98")) == set()
    assert verdicts.ours(forwarder(last_exit="exit status 98", age_s=60.0)) == {"api"}
    assert verdicts.ours(forwarder(pid=None, age_s=None)) == set()
