"""The ports of 127.0.0.1 that the reduced mode listens on: chosen once, kept, and moved when someone else has one."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

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


def seed(checkout_id: str) -> int:
    """Where to begin looking, apart for each checkout: two that start at once must not choose the same ports."""
    return FIRST + int(checkout_id, 16) % (LAST - FIRST)


def settle(kept: Mapping[str, int], *, begin: int, foreign: Callable[[int], bool]) -> dict[str, int]:
    """A port for each name in ``OWNERS``.

    Args:
        kept: What was chosen before; empty at first.
        begin: First port to try for a new one.
        foreign: Whether someone other than our own processes listens on a port.

    Raises:
        ReducedError: Someone else has a port that the stack names, or no port is free.
    """
    gone = {name for name, port in kept.items() if name in OWNERS and foreign(port)}
    if lost := sorted(gone & set(NAMED_BY_STACK)):
        places = ", ".join(f"127.0.0.1:{kept[name]} of {OWNERS[name]}" for name in lost)
        raise ReducedError(
            f"another program listens on {places}, which the stack's state names",
            "end that program (`ss -ltnp` shows it), or choose ports anew: `make down PURGE=1`, then `make up`",
        )
    result = {name: port for name, port in kept.items() if name in OWNERS and name not in gone}
    span = LAST - FIRST + 1
    candidates = (FIRST + (begin - FIRST + step) % span for step in range(span))
    for name in OWNERS:
        while name not in result:
            port = next(candidates, None)
            if port is None:
                raise ReducedError(f"no port of 127.0.0.1 from {FIRST} to {LAST} is free", "end other programs")
            if port not in kept.values() and port not in result.values() and not foreign(port):
                result[name] = port
    return result


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
