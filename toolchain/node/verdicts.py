"""What the API server's and the supervisor's answers mean. Pure."""

from __future__ import annotations

import datetime as dt
from typing import Any

from toolchain.node.forward import EXIT_PORT_TAKEN

API_FORWARD = "api"
NOT_READY_TAINT = "node.kubernetes.io/not-ready"
_STEADY_S = 3.0


def ready_since(node: dict[str, Any] | None, started: float) -> bool:
    """Whether a Node object takes pods: Ready since kubelet was started, and rid of its first taint.

    After a reboot the stored object still says Ready for the node that died. The taint of a new
    node is lifted by the controller manager, so that one works too.

    Args:
        node: The Node object, None when there is none.
        started: kubelet's start, seconds since 1970.
    """
    if node is None or any(taint["key"] == NOT_READY_TAINT for taint in node["spec"].get("taints", [])):
        return False
    for condition in node.get("status", {}).get("conditions", []):
        if condition["type"] == "Ready" and condition["status"] == "True":
            beat = dt.datetime.fromisoformat(condition["lastHeartbeatTime"])
            return beat.timestamp() >= int(started)
    return False


def port_was_taken(answer: dict[str, Any]) -> bool:
    """Whether the API's forwarder gave up because its port belongs to someone else."""
    return any(
        process["name"] == f"forward-{API_FORWARD}"
        and process["pid"] is None
        and process["last_exit"] == f"exit status {EXIT_PORT_TAKEN}"
        for process in answer["processes"]
    )


def ours(answer: dict[str, Any]) -> set[str]:
    """Names of the forwards on whose port this node listens, from the supervisor's status.

    A forwarder that lives for a moment only, before it finds its port taken, does not count.
    """
    gave_up = f"exit status {EXIT_PORT_TAKEN}"
    return {
        process["name"].removeprefix("forward-")
        for process in answer["processes"]
        if process["name"].startswith("forward-")
        and process["pid"] is not None
        and (process["last_exit"] != gave_up or process["age_s"] > _STEADY_S)
    }
