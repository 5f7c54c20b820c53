"""The ports of 127.0.0.1 that the reduced mode listens on: chosen once, kept, and moved when someone else has one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolchain.node.ports import is_taken
from toolchain.reduced.errors import ReducedError

API, ETCD, ETCD_PEER, ETCD_METRICS = "api", "etcd", "etcd-peer", "etcd-metrics"
CONTROLLERS, SCHEDULER, KWOK, STORE, OLLAMA = "controller-manager", "scheduler", "kwok", "store", "ollama"

OWNERS: Mapping[str, str] = {
    API: "kube-apiserver",
    ETCD: "etcd",
    ETCD_PEER: "etcd",
    ETCD_METRICS: "etcd",
    CONTROLLERS: "kube-controller-manager",
    SCHEDULER: "kube-scheduler",
    KWOK: "kwok",
    STORE: "store",
    OLLAMA: "ollama",
}
"""Name of a port to the process that listens on it."""

NAMED_BY_STACK = (STORE, OLLAMA)
"""Ports that the stack's state names. Moved, the next deploy would delete models from whoever has the old one."""

# Below the range from which Linux takes ports for outgoing connections (32768 on): any such connection could have
# ours at the moment when it is wanted again.
FIRST, LAST = 20000, 31999
_STEADY_S = 3.0


def seed(checkout_id: str) -> int:
    """Where to begin looking, apart for each checkout: two that start at once must not choose the same ports."""
    return FIRST + int(checkout_id, 16) % (LAST - FIRST)


def settle(
    kept: Mapping[str, int], ours: set[str], *, begin: int, taken: Callable[[int], bool] = is_taken
) -> dict[str, int]:
    """A port for each name in ``OWNERS``.

    Args:
        kept: What was chosen before; empty at first.
        ours: Names of the ports on which our own processes listen now.
        begin: First port to try for a new one.
        taken: Whether someone listens on a port.

    Raises:
        ReducedError: Someone else has a port that the stack names, or no port is free.
    """
    lost = [name for name in NAMED_BY_STACK if name in kept and name not in ours and taken(kept[name])]
    if lost:
        places = ", ".join(f"127.0.0.1:{kept[name]} of {OWNERS[name]}" for name in lost)
        raise ReducedError(
            f"another program listens on {places}, which the stack's state names",
            "end that program (`ss -ltnp` shows it), or choose ports anew: `make down PURGE=1`, then `make up`",
        )
    result = {name: port for name, port in kept.items() if name in OWNERS and (name in ours or not taken(port))}
    span = LAST - FIRST + 1
    candidates = (FIRST + (begin - FIRST + step) % span for step in range(span))
    for name in OWNERS:
        while name not in result:
            port = next(candidates, None)
            if port is None:
                raise ReducedError(f"no port of 127.0.0.1 from {FIRST} to {LAST} is free", "end other programs")
            if port not in kept.values() and port not in result.values() and not taken(port):
                result[name] = port
    return result


def ours(status: Mapping[str, Any] | None) -> set[str]:
    """Names of the ports on which our processes listen, from the supervisor's status.

    A process that lives for a moment only, until it finds its port taken, does not count.
    """
    if status is None:
        return set()
    listening = {
        process["name"]
        for process in status["processes"]
        if process["pid"] is not None and (not process["last_exit"] or process["age_s"] > _STEADY_S)
    }
    return {name for name, owner in OWNERS.items() if owner in listening}


def read(path: Path) -> dict[str, int]:
    """The ports noted in a file; none when there is no file."""
    if not path.exists():
        return {}
    data: dict[str, int] = json.loads(path.read_text())
    return data


def write(path: Path, ports: Mapping[str, int]) -> None:
    """Notes the ports."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(dict(ports), indent=1))
    part.rename(path)
