"""Start one server of a test on loopback, wait until it answers, and end it by its process id."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx


def free_port() -> int:
    """Return a loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """A child process in its own process group, so that its children end with it."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        ready: str,
        log: Path,
        env: Mapping[str, str] | None = None,
        verify: bool = True,
    ) -> None:
        """Prepare the server.

        Args:
            command: program and arguments.
            ready: URL that answers 200 once the server serves.
            log: file that takes its standard output and error.
            env: the whole environment; None hands on ours.
            verify: False where its certificate is one that it makes for itself.
        """
        self._verify = verify
        self._command = list(command)
        self._ready = ready
        self._env = None if env is None else dict(env)
        self._process: subprocess.Popen[bytes] | None = None
        self.log = log

    def start(self, timeout_s: float = 20.0) -> None:
        """Start and wait until `ready` answers.

        Raises:
            RuntimeError: it ended or did not answer in time; the message carries its last log lines.
        """
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(self._command, stdout=out, stderr=out, env=self._env, process_group=0)
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and self._process.poll() is None:
            try:
                if (
                    httpx.get(self._ready, timeout=2.0, trust_env=False, verify=self._verify).status_code
                    == HTTPStatus.OK
                ):
                    return
            except httpx.TransportError:
                time.sleep(0.05)
        self.stop()
        msg = f"{self._command[0]} did not answer at {self._ready} within {timeout_s} s:\n{self.log_tail()}"
        raise RuntimeError(msg)

    @property
    def pid(self) -> int:
        """Of the process, which runs."""
        if self._process is None:
            msg = f"{self._command[0]} does not run"
            raise RuntimeError(msg)
        return self._process.pid

    def stop(self, sig: signal.Signals = signal.SIGTERM) -> None:
        """End the process group: `sig`, then SIGKILL after five seconds."""
        process, self._process = self._process, None
        if process is None:
            return
        self._signal(process.pid, sig)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(process.pid, signal.SIGKILL)
            process.wait(5)

    @staticmethod
    def _signal(group: int, sig: signal.Signals) -> None:
        try:
            os.killpg(group, sig)
        except ProcessLookupError:
            return

    def log_tail(self, lines: int = 30) -> str:
        """Return the last lines of the log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
