"""What runs in the reduced mode, whether it is well, and what to do when it is not."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass

from toolchain.node.health import TIMEOUT_S, Check
from toolchain.node.status import ComponentStatus, judged
from toolchain.reduced import ports
from toolchain.reduced.keeper import Keeper
from toolchain.reduced.layout import ReducedLayout

_HOST = "127.0.0.1"


@dataclass(frozen=True)
class ReducedStatus:
    """The reduced cluster.

    Attributes:
        running: Whether the supervisor lives.
        supervisor_pid: Its process id.
        ollama_url: Of the Ollama process; empty when it was never started.
        components: Every process.
        problems: What is wrong, one line each with what to do; empty when all is well.
    """

    running: bool
    supervisor_pid: int | None
    ollama_url: str
    components: tuple[ComponentStatus, ...]
    problems: tuple[str, ...]


class Here:
    """Opens connections from this process; see :class:`toolchain.node.health.Dials`."""

    def connect(self, host: str, port: int) -> socket.socket:
        """A connected socket."""
        return socket.create_connection((host, port), timeout=TIMEOUT_S)


def checks(port: Mapping[str, int]) -> dict[str, Check]:
    """By process, what to ask it."""
    asked = {
        ports.ETCD_METRICS: ("/health", False),
        ports.API: ("/readyz", True),
        ports.CONTROLLERS: ("/healthz", True),
        ports.SCHEDULER: ("/healthz", True),
        ports.KWOK: ("/healthz", False),
        ports.STORE: ("/readyz", False),
        ports.OLLAMA: ("/api/version", False),
    }
    return {ports.OWNERS[name]: Check(_HOST, port[name], path, tls) for name, (path, tls) in asked.items()}


def look(layout: ReducedLayout, keeper: Keeper) -> ReducedStatus:
    """The whole picture; starts and changes nothing."""
    port = ports.read(layout.ports_file)
    url = f"http://{_HOST}:{port[ports.OLLAMA]}" if ports.OLLAMA in port else ""
    pid = keeper.find()
    if pid is None:
        return ReducedStatus(False, None, url, (), ("the reduced cluster does not run: `make up` starts it",))
    answer = keeper.status()
    if answer is None:
        return ReducedStatus(True, pid, url, (), ("the supervisor does not answer: `make up` restarts it",))
    parts = judged(answer, checks(port), Here(), layout)
    problems = tuple(f"{part.name}: {part.problem} ({part.hint})" for part in parts if not part.healthy)
    return ReducedStatus(True, pid, url, parts, problems)
