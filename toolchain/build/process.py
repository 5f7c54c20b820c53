"""Programs that a build runs: logged, stoppable, and never left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from toolchain.build.failures import BuildCancelledError, BuildError, Cause, explain, tail

_GRACE_S = 5.0


def _ignore(_line: str) -> None:
    return


@dataclass
class Runner:
    """Runs programs one after another or side by side, until it is cancelled."""

    _running: set[subprocess.Popen[str]] = field(default_factory=set[subprocess.Popen[str]])
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _cancelled: threading.Event = field(default_factory=threading.Event)

    @property
    def cancelled(self) -> bool:
        """Whether everything was told to stop."""
        return self._cancelled.is_set()

    def cancel(self) -> None:
        """Stop what runs, and refuse what is asked for later."""
        self._cancelled.set()
        with self._lock:
            running = list(self._running)
        for process in running:
            _signal(process, signal.SIGTERM)

    def run(
        self,
        command: Sequence[str],
        *,
        what: str,
        log: Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdout: Path | None = None,
        on_line: Callable[[str], None] = _ignore,
        limit_s: float | None = None,
    ) -> None:
        """Run a program to its end, its output in ``log`` and line by line in ``on_line``.

        Args:
            command: the program and its arguments.
            what: what it does, for the error.
            log: file that its output is appended to.
            cwd: folder it runs in.
            env: its whole environment; ours when None.
            stdout: file for its standard output alone; standard error then goes to ``log``.
            on_line: called with each line as it comes.
            limit_s: seconds it may take.

        Raises:
            BuildError: it failed, or ran past its limit, or is not there.
            BuildCancelledError: :meth:`cancel` was called.
        """
        if self.cancelled:
            raise BuildCancelledError(what)
        log.parent.mkdir(parents=True, exist_ok=True)
        lines: list[str] = []
        expired = threading.Event()
        with log.open("a", errors="replace") as sink:
            sink.write(f"$ {' '.join(command)}\n")
            sink.flush()
            with _start(command, what=what, cwd=cwd, env=env, stdout=stdout) as process:
                with self._lock:
                    self._running.add(process)
                if self.cancelled:
                    _signal(process, signal.SIGTERM)
                timer = threading.Timer(limit_s or 0, _expire, (process, expired))
                timer.daemon = True
                if limit_s is not None:
                    timer.start()
                try:
                    for line in _lines(process, separate=stdout is not None):
                        sink.write(line)
                        lines.append(line)
                        on_line(line.rstrip("\n"))
                    process.wait()
                except BaseException:
                    _end(process)
                    raise
                finally:
                    timer.cancel()
                    with self._lock:
                        self._running.discard(process)
        if self.cancelled:
            raise BuildCancelledError(what)
        if expired.is_set():
            raise BuildError(
                f"{what}: gave up after {limit_s:g} s",
                log=log,
                tail=tail("".join(lines)),
                cause=Cause("it made no progress in time", "run it again when the machine or the network is less busy"),
            )
        if process.returncode != 0:
            text = "".join(lines)
            how = f"exit status {process.returncode}"
            if process.returncode < 0:
                how = f"killed by {signal.Signals(-process.returncode).name}"
            raise BuildError(f"{what} failed ({how})", log=log, tail=tail(text), cause=explain(text))


def _start(
    command: Sequence[str], *, what: str, cwd: Path | None, env: Mapping[str, str] | None, stdout: Path | None
) -> subprocess.Popen[str]:
    """Start it in a process group of its own, tied to this thread's life.

    Ctrl-C in the terminal would reach it as well otherwise, and a kill -9 of this process would leave a compiler
    busy for minutes on a machine where the user believes that nothing runs any more.
    """
    tied = shutil.which("setpriv")
    full = [*([tied, "--pdeathsig", "TERM", "--"] if tied else []), *command]
    if shutil.which(command[0], path=(os.environ if env is None else env).get("PATH")) is None:
        raise BuildError(
            f"{what}: {command[0]} is not there", cause=Cause("a program is missing", f"install {command[0]}")
        )
    separate: IO[bytes] | None = stdout.open("wb") if stdout is not None else None
    try:
        return subprocess.Popen(
            full,
            cwd=cwd,
            env=None if env is None else dict(env),
            stdin=subprocess.DEVNULL,
            stdout=separate or subprocess.PIPE,
            stderr=subprocess.PIPE if separate else subprocess.STDOUT,
            text=True,
            errors="replace",
            process_group=0,
        )
    finally:
        if separate is not None:
            separate.close()


def _lines(process: subprocess.Popen[str], *, separate: bool) -> IO[str]:
    stream = process.stderr if separate else process.stdout
    assert stream is not None  # noqa: S101 - _start always asks for a pipe
    return stream


def _signal(process: subprocess.Popen[str], number: signal.Signals) -> None:
    # The group, since a compiler's children hold the pipe open after their parent is gone.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _expire(process: subprocess.Popen[str], expired: threading.Event) -> None:
    expired.set()
    _signal(process, signal.SIGKILL)


def _end(process: subprocess.Popen[str]) -> None:
    _signal(process, signal.SIGTERM)
    try:
        process.wait(_GRACE_S)
    except subprocess.TimeoutExpired:
        _signal(process, signal.SIGKILL)
