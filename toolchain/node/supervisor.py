"""Keeps the node's processes running: starts, restarts, reaps, bounds logs, answers on a socket."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from toolchain.node.spec import Process

LOG_LIMIT_BYTES = 8 << 20
LOG_KEEP_BYTES = 1 << 20
_BACKOFF_FIRST_S = 0.5
_BACKOFF_LAST_S = 10.0
_STEADY_S = 30.0
_STOP_GRACE_S = 4.0
_TERMINATE_GRACE_S = 10.0
_CLIENT_TIMEOUT_S = 1.0
_REQUEST_LIMIT_BYTES = 1 << 20


def backoff_s(failures: int) -> float:
    """Seconds to wait before the next start after so many failures in a row."""
    return min(_BACKOFF_LAST_S, _BACKOFF_FIRST_S * 2.0 ** max(0, failures - 1))


def answers(endpoint: str) -> bool:
    """Whether something listens at ``tcp:HOST:PORT`` or ``unix:PATH``, or ``file:PATH`` exists."""
    kind, _, where = endpoint.partition(":")
    if kind == "file":
        return Path(where).exists()
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        try:
            if kind == "unix":
                probe.connect(where)
            else:
                host, _, port = where.rpartition(":")
                probe.connect((host, int(port)))
        except OSError:
            return False
    return True


def bound_log(path: Path, limit: int = LOG_LIMIT_BYTES, keep: int = LOG_KEEP_BYTES) -> None:
    """Cuts a log that grew past ``limit``: its end goes to ``NAME.1``, the file starts anew.

    Writers append, so they go on at the new end. What they write between copy and cut is lost.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return
    if size <= limit:
        return
    with path.open("rb+") as log:
        log.seek(size - min(keep, size))
        path.with_name(path.name + ".1").write_bytes(log.read())
        log.truncate(0)


@dataclass
class _Kept:
    spec: Process
    pid: int | None = None
    started: float = 0.0
    restarts: int = 0
    failures: int = 0
    not_before: float = 0.0
    last_exit: str = ""
    waits_for: str = ""
    stopping: bool = False
    kill_at: float | None = None


class Supervisor:
    """Runs a set of processes until told to stop.

    Args:
        logs: Folder for ``NAME.log``.
        control: Path of the unix socket to answer on.
        host_net: File descriptor of the host's network namespace, for processes that ask for it.
        grace_s: How long a process may take to end before it is killed.
    """

    def __init__(
        self, logs: Path, control: Path, host_net: int | None = None, *, grace_s: float = _TERMINATE_GRACE_S
    ) -> None:
        self._logs = logs
        self._grace_s = grace_s
        self._host_net = host_net
        self._kept: dict[str, _Kept] = {}
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._wake_read, self._wake_write = socket.socketpair()
        for end in (self._wake_read, self._wake_write):
            end.setblocking(False)
        control.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(control))
        control.chmod(0o600)
        self._listener.listen(16)
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "status": lambda _: self._status(),
            "apply": self._apply_request,
            "kick": lambda _: self._kick(),
            "restart": self._restart_request,
            "stop": lambda _: self._begin_end(),
        }

    def apply(self, processes: Iterable[Process]) -> None:
        """Makes ``processes`` the wanted set: stops the others, restarts those that changed."""
        wanted = {process.name: process for process in processes}
        for name, kept in list(self._kept.items()):
            if name not in wanted and kept.pid is None:
                del self._kept[name]
            elif name not in wanted:
                kept.stopping = True
                self._terminate(kept)
            elif kept.spec != wanted[name]:
                kept.spec = wanted[name]
                self._terminate(kept)
        for name, process in wanted.items():
            if name not in self._kept:
                self._kept[name] = _Kept(process)
            self._kept[name].stopping = False

    def run(self) -> None:
        """Works until a stop is asked for, then ends every process it can signal."""
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        # A handler of its own, else the wake-up byte is never written.
        signal.signal(signal.SIGCHLD, self._on_child)
        signal.signal(signal.SIGTERM, self._on_term)
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        self._selector.register(self._listener, selectors.EVENT_READ)
        next_log_check = 0.0
        while not self._ending:
            waiting = self._start_due()
            for key, _ in self._selector.select(0.1 if waiting else 1.0):
                if key.fileobj is self._listener:
                    self._serve_one()
                else:
                    self._wake_read.recv(4096)
            self._reap()
            self._kill_overdue()
            if time.monotonic() >= next_log_check:
                next_log_check = time.monotonic() + 5.0
                for log in self._logs.glob("*.log"):
                    bound_log(log)
        self._end()

    def _on_child(self, _number: int, _frame: FrameType | None) -> None:
        return

    def _on_term(self, _number: int, _frame: FrameType | None) -> None:
        self._ending = True

    def _start_due(self) -> bool:
        """Starts what may start; whether something is still waiting."""
        waiting = False
        now = time.monotonic()
        for kept in self._kept.values():
            if kept.pid is not None or kept.stopping:
                continue
            waiting = True
            if now < kept.not_before:
                continue
            kept.waits_for = next((end for end in kept.spec.after if not answers(end)), "")
            if not kept.waits_for:
                self._start(kept)
        return waiting

    def _start(self, kept: _Kept) -> None:
        spec = kept.spec
        log = str(self._logs / f"{spec.name}.log")
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        actions: list[tuple[Any, ...]] = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, flags, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ]
        if spec.host_net and self._host_net is not None:
            actions.append((os.POSIX_SPAWN_DUP2, self._host_net, 3))
        try:
            kept.pid = os.posix_spawnp(
                spec.argv[0],
                spec.argv,
                {**os.environ, **spec.env},
                file_actions=actions,
                setsid=True,
                setsigmask=(),
                setsigdef=(signal.SIGCHLD, signal.SIGTERM, signal.SIGPIPE),
            )
        except OSError as error:
            self._failed(kept, f"cannot start {spec.argv[0]}: {error.strerror}")
            return
        kept.started = time.time()

    def _reap(self) -> None:
        """Collects every dead child; as PID 1 also the orphans of others."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            code = os.waitstatus_to_exitcode(status)
            reason = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            for name, kept in list(self._kept.items()):
                if kept.pid == pid:
                    kept.pid, kept.kill_at = None, None
                    if kept.stopping:
                        del self._kept[name]
                    else:
                        self._failed(kept, reason)

    def _failed(self, kept: _Kept, reason: str) -> None:
        steady = kept.started and time.time() - kept.started > _STEADY_S
        kept.failures = 1 if steady else kept.failures + 1
        kept.restarts += 1
        kept.last_exit = reason
        kept.not_before = time.monotonic() + backoff_s(kept.failures)

    def _terminate(self, kept: _Kept) -> None:
        if kept.pid is not None:
            os.kill(kept.pid, signal.SIGKILL if kept.spec.stateless else signal.SIGTERM)
            kept.kill_at = time.monotonic() + self._grace_s

    def _kill_overdue(self) -> None:
        """Kills what was asked to end and did not."""
        for kept in self._kept.values():
            if kept.pid is not None and kept.kill_at is not None and time.monotonic() > kept.kill_at:
                os.kill(kept.pid, signal.SIGKILL)

    def _serve_one(self) -> None:
        client, _ = self._listener.accept()
        with client:
            client.settimeout(_CLIENT_TIMEOUT_S)
            try:
                request = json.loads(_read_line(client))
                operation = self._operations[request["op"]]
                client.sendall(json.dumps(operation(request)).encode() + b"\n")
            except (OSError, ValueError, KeyError, TypeError) as error:
                # A broken client must not take PID 1, and with it the whole node, down.
                os.write(2, f"control request failed: {error!r}\n".encode())

    def _status(self) -> dict[str, Any]:
        now = time.time()
        return {
            "processes": [
                {
                    "name": kept.spec.name,
                    "pid": kept.pid,
                    "restarts": kept.restarts,
                    "age_s": now - kept.started if kept.pid is not None else None,
                    "started": kept.started,
                    "last_exit": kept.last_exit,
                    "waits_for": kept.waits_for,
                }
                for kept in self._kept.values()
            ]
        }

    def _apply_request(self, request: dict[str, Any]) -> dict[str, Any]:
        self.apply([Process.from_wire(item) for item in request["processes"]])
        return self._kick()

    def _kick(self) -> dict[str, Any]:
        for kept in self._kept.values():
            kept.failures = 0
            kept.not_before = 0.0
        return {}

    def _restart_request(self, request: dict[str, Any]) -> dict[str, Any]:
        for name in request["names"]:
            self._terminate(self._kept[name])
        return {}

    def _begin_end(self) -> dict[str, Any]:
        self._ending = True
        return {}

    def _end(self) -> None:
        """Asks everything to end and waits a little; what is left dies with PID 1."""
        everyone = os.getpid() == 1
        deadline = time.monotonic() + _STOP_GRACE_S
        for kept in self._kept.values():
            self._terminate(kept)
        if everyone:
            os.kill(-1, signal.SIGTERM)
        while time.monotonic() < deadline:
            self._reap()
            alone = len([p for p in Path("/proc").iterdir() if p.name.isdigit()]) == 1
            if alone or (not everyone and all(kept.pid is None for kept in self._kept.values())):
                return
            time.sleep(0.05)


def _read_line(client: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n"):
        chunk = client.recv(65536)
        if not chunk or len(data) > _REQUEST_LIMIT_BYTES:
            raise ValueError("request cut short or too long")
        data += chunk
    return data
