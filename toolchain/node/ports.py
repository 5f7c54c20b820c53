"""Ports on the host's loopback that lead into the node; kept, so that a kubeconfig stays valid."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, replace
from pathlib import Path


@dataclass(frozen=True)
class Forward:
    """A forwarded port.

    Attributes:
        port: On the host's 127.0.0.1.
        target: ``HOST:PORT`` inside the node.
    """

    port: int
    target: str


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_taken(port: int) -> bool:
    """Whether someone listens on the port of 127.0.0.1, or on that port of every address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def read(path: Path) -> dict[str, Forward]:
    """The forwards noted in a file, by name; none when there is no file."""
    if not path.exists():
        return {}
    data: dict[str, dict[str, object]] = json.loads(path.read_text())
    return {name: Forward(int(str(item["port"])), str(item["target"])) for name, item in data.items()}


def write(path: Path, forwards: dict[str, Forward]) -> None:
    """Notes the forwards."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps({name: {"port": f.port, "target": f.target} for name, f in forwards.items()}))
    part.rename(path)


def settle(forwards: dict[str, Forward], ours: set[str]) -> dict[str, Forward]:
    """Moves the forwards whose port someone else has taken to a free one.

    Args:
        forwards: All, by name.
        ours: Names of those whose port this node itself is listening on.
    """
    return {
        name: forward if name in ours or not is_taken(forward.port) else replace(forward, port=free_port())
        for name, forward in forwards.items()
    }
