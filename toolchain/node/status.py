"""What runs on the node, whether it is well, and what to do when it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolchain.node.cluster_layout import ClusterLayout
from toolchain.node.health import CHECKS, Check, Dialer, Dials, complaint
from toolchain.node.layout import NodeLayout
from toolchain.node.sandbox import Sandbox


@dataclass(frozen=True)
class ComponentStatus:
    """One process of the node.

    Attributes:
        name: Of the component; its log is ``logs/NAME.log``.
        running: Whether it has a process.
        pid: Process id inside the node.
        restarts: How often it died and was started again since the node's start.
        age_s: Seconds since it was started; None when it does not run.
        healthy: Whether it runs and its health endpoint, if it has one, says that it is well.
        problem: What is wrong; empty when healthy.
        hint: What to do about it; empty when healthy.
    """

    name: str
    running: bool
    pid: int | None
    restarts: int
    age_s: float | None
    healthy: bool
    problem: str = ""
    hint: str = ""


@dataclass(frozen=True)
class NodeStatus:
    """The local node.

    Attributes:
        running: Whether its PID 1 lives.
        init_pid: That process's id on the host.
        api_url: API server for the host; empty when the node was never started.
        node_ready: Whether kubelet reports Ready; None when the API server could not be asked.
        components: Every process.
        problems: What is wrong, one line each with what to do; empty when all is well.
    """

    running: bool
    init_pid: int | None
    api_url: str
    node_ready: bool | None
    components: tuple[ComponentStatus, ...]
    problems: tuple[str, ...]


def problem_of(process: dict[str, Any], health_complaint: str) -> str:
    """What is wrong with a supervised process; empty when it is well."""
    if process["pid"] is None:
        if process["waits_for"]:
            return f"waits for {process['waits_for']}"
        return f"does not run; last: {process['last_exit']}" if process["last_exit"] else "is being started"
    return health_complaint


def judged(
    answer: Mapping[str, Any], checks: Mapping[str, Check], dialer: Dials, layout: ClusterLayout
) -> tuple[ComponentStatus, ...]:
    """Status of every process, from its supervisor's answer and by asking each.

    Args:
        answer: To the supervisor's operation ``status``.
        checks: By process, what to ask it; one without is well when it runs.
        dialer: Reaches the processes.
        layout: Where their certificates and logs lie.
    """
    result: list[ComponentStatus] = []
    for process in answer["processes"]:
        name = process["name"]
        check = checks.get(name)
        sick = complaint(dialer, check, layout.pki) if check is not None and process["pid"] else ""
        problem = problem_of(process, sick)
        result.append(
            ComponentStatus(
                name=name,
                running=process["pid"] is not None,
                pid=process["pid"],
                restarts=process["restarts"],
                age_s=process["age_s"],
                healthy=not problem,
                problem=problem,
                hint=f"see {layout.logs / name}.log; `make up` mends what can be mended" if problem else "",
            )
        )
    return tuple(result)


def components(layout: NodeLayout, sandbox: Sandbox, pid: int) -> tuple[ComponentStatus, ...]:
    """Status of every process of a running node."""
    answer = sandbox.control({"op": "status"})
    if answer is None:
        return ()
    dialer = Dialer(pid)
    try:
        return judged(answer, CHECKS, dialer, layout)
    finally:
        dialer.close()
