"""A stack whose deploys run beside the test, so that it can break something, or kill them, in their middle."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from pathlib import Path

from tests.support.kube import wait_for
from tests.support.stack import LiveStack, Outcome

UP_S = 300.0
"""For one deploy; no fault may hold one up for longer."""


class Deploy:
    """A running `pulumi up`."""

    def __init__(self, stack: FaultStack, *extra: str) -> None:
        self._stack = stack
        self._outcome: Outcome | None = None
        self._thread = threading.Thread(target=self._run, args=extra, daemon=True)
        self._thread.start()

    def _run(self, *extra: str) -> None:
        self._outcome = self._stack.try_up(*extra, limit_s=UP_S)

    @property
    def runs(self) -> bool:
        """Whether it has not ended."""
        return self._thread.is_alive()

    def kill(self) -> None:
        """SIGKILL the engine, and nothing else: what it started must see to itself."""
        os.kill(wait_for("pulumi runs", self._stack.engine_pid, 30), signal.SIGKILL)

    def outcome(self) -> Outcome:
        """Wait for its end."""
        self._thread.join(UP_S + 60)
        assert self._outcome is not None, f"the deploy of {self._stack.name} did not end"
        return self._outcome


class FaultStack(LiveStack):
    """A stack, and what a test of faults asks of it besides."""

    def begin_up(self, *extra: str) -> Deploy:
        """Begin a deploy and return at once."""
        return Deploy(self, *extra)

    def contend(self, limit_s: float = 60) -> subprocess.CompletedProcess[str]:
        """Deploy as somebody else would who shares the backend, while a deploy of ours runs."""
        command = [self._program, "up", "--yes", "--skip-preview", "-s", self.name, "--config-file", str(self._config)]
        return subprocess.run(
            [*command, "--non-interactive", "--color", "never"],
            cwd=self._environment.project,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_s,
            check=False,
        )

    def unlock(self) -> Outcome:
        """Take away the lock of a deploy that was killed."""
        return self._command("cancel", "--yes", "-s", self.name)

    def engine_pid(self) -> int | None:
        """Return the process id of the running `pulumi up`."""
        wanted = str(self._config).encode()
        for pid, words in _command_lines():
            if words[:2] == [self._program.encode(), b"up"] and wanted in words:
                return pid
        return None

    def end_processes(self) -> int:
        """SIGKILL what outlived its command; returns how many there were."""
        left = self.processes()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(left)

    def processes(self) -> dict[int, str]:
        """Return every process that has the stack's folder in its command line or environment, this one excepted."""
        mark = str(self.folder).encode()
        found: dict[int, str] = {}
        for pid, words in _command_lines():
            if pid != os.getpid() and (any(mark in word for word in words) or mark in _read(f"/proc/{pid}/environ")):
                found[pid] = b" ".join(words)[:200].decode(errors="replace")
        return found


def _command_lines() -> list[tuple[int, list[bytes]]]:
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [(pid, _read(f"/proc/{pid}/cmdline").split(b"\0")) for pid in pids]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        # It ended meanwhile.
        return b""
