"""Pulumi's engine through its Automation API: previews and updates whose events come as they happen.

Two things differ from the API's own ways. A command runs in a process group of its own, so that Ctrl-C reaches this
program alone and the engine is asked once, in order, to stop: the engine, its language host and its providers would
else all get the signal at the same moment, and what was being written would be lost. And no stack is selected, since
that would change what the user's own `pulumi` commands work on.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from pulumi.automation import (
    CommandError,
    ConcurrentUpdateError,
    LocalWorkspace,
    OutputMap,
    PulumiCommand,
    Stack,
    StackNotFoundError,
    UpdateSummary,
)
from pulumi.automation import CommandResult as Result
from pulumi.automation._stack import StackInitMode
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from cli.engine_events import Event, read
from cli.exits import CliError
from cli.place import Place

LAST_WORDS_S = 5.0

CANCEL_VARIABLE = "ECHORATOR_CANCEL_FILE"
"""Names a file that appears when the update is to stop: the engine waits for a provider that is at work, and has no
way to tell a dynamic one."""

OnEvent = Callable[[Event], None]
OnOutput = Callable[[str], object]


class InterruptedByUserError(Exception):
    """The engine was asked to stop, and has."""


class EngineCommand(PulumiCommand):
    """The program `pulumi`, one command at a time."""

    def __init__(self, program: Path, env: Mapping[str, str]) -> None:
        # Not the parent's: that one looks for the program in a folder `bin` or on our own PATH.
        self.command = str(program)
        told = subprocess.run([self.command, "version"], env=dict(env), capture_output=True, text=True, check=False)
        self.version = VersionInfo.parse(told.stdout.strip().removeprefix("v") or "3.0.0")
        self.interrupted = False
        self._cancel = _cancel_file()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def interrupt(self) -> None:
        """Ask the running command to stop: at first once what it does now is done, the second time at once."""
        with self._lock:
            self.interrupted = True
            self._cancel.touch()
            if self._process is not None and self._process.poll() is None:
                # The engine's process alone: it stops its providers, and with the second signal it does not wait.
                self._process.send_signal(signal.SIGINT)

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnOutput | None = None,
        on_error: OnOutput | None = None,
    ) -> Result:
        """Run one command, as the parent's method says.

        Raises:
            CommandError: it failed.
            InterruptedByUserError: it was asked to stop, or was before it began.
        """
        env = {**os.environ, **additional_env, "PULUMI_AUTOMATION_API": "true", CANCEL_VARIABLE: str(self._cancel)}
        command = [self.command, *args, *([] if "--non-interactive" in args else ["--non-interactive"])]
        with self._lock:
            if self.interrupted:
                raise InterruptedByUserError
            process = self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=cwd,
                env=env,
                encoding="utf-8",
                errors="replace",
                process_group=0,
            )
        stdout, stderr = _Reader(process.stdout, on_output), _Reader(process.stderr, on_error)
        code = process.wait()
        for reader in (stdout, stderr):
            # What a program that outlives the engine may still write is not waited for.
            reader.join(LAST_WORDS_S)
        if code and self.interrupted:
            raise InterruptedByUserError
        result = Result(stdout=stdout.text, stderr=stderr.text, code=code)
        if code:
            raise create_command_error(result)
        return result


def _cancel_file() -> Path:
    """A name that nobody else has, in a folder that goes with this process."""
    folder = tempfile.mkdtemp(prefix="echorator-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder) / "cancelled"


class _Reader(threading.Thread):
    def __init__(self, stream: IO[str] | None, tell: OnOutput | None) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._tell = tell
        self._lines: list[str] = []
        self.start()

    @property
    def text(self) -> str:
        return "\n".join(self._lines)

    def run(self) -> None:
        with self._stream or open(os.devnull) as stream:  # noqa: PTH123
            for line in stream:
                self._lines.append(line.rstrip())
                if self._tell is not None:
                    self._tell(line.rstrip())


class _Workspace(LocalWorkspace):
    """Only looks whether a stack is there."""

    def select_stack(self, stack_name: str) -> None:
        self._run_pulumi_cmd_sync(["stack", "--stack", stack_name])


class _Stack(Stack):
    """Does not ask for outputs and history after an update: nobody reads them here, and it takes seconds."""

    def outputs(self) -> OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> UpdateSummary:  # noqa: ARG002
        return UpdateSummary("update", datetime.now(UTC), "", {}, {}, "succeeded")


@dataclass
class Engine:
    """The engine of one stack."""

    place: Place
    command: EngineCommand = field(init=False)
    _known: Stack | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.command = EngineCommand(self.place.program(), self.place.variables)

    def preview(self, config: Path, on_event: OnEvent) -> None:
        """Say what an update by this configuration file would do; events tell what.

        Raises:
            CommandError: the program or the engine refused.
            InterruptedByUserError: it was asked to stop.
        """
        stack = self._stack()
        try:
            stack.preview(config_file=str(config), on_event=lambda event: on_event(read(event)), color="never")
        finally:
            self.place.tidy()

    def up(self, on_event: OnEvent) -> None:
        """Bring the cluster to what the stack's file says.

        Raises:
            CommandError: the update failed; what was finished is kept.
            InterruptedByUserError: it was asked to stop, and what was finished is kept.
            CliError: another update of this stack runs.
        """
        stack = self._stack()
        config = str(self.place.config)
        try:
            stack.up(config_file=config, on_event=lambda event: on_event(read(event)), color="never")
        except ConcurrentUpdateError as error:
            hint = (
                "wait for it; if none runs, since one was killed, `pulumi cancel --yes -s "
                f"{self.place.stack}` removes its lock (in `make shell`)"
            )
            raise CliError(f"another update of stack `{self.place.stack}` runs", hint) from error
        finally:
            self.place.tidy()

    def _stack(self) -> Stack:
        if self._known is None:
            workspace = _Workspace(
                work_dir=str(self.place.project), env_vars=dict(self.place.variables), pulumi_command=self.command
            )
            try:
                self._known = _Stack(self.place.stack, workspace, StackInitMode.SELECT)
            except StackNotFoundError:
                self.place.make_stack()
                self._known = _Stack(self.place.stack, workspace, StackInitMode.SELECT)
        return self._known


__all__ = ["CommandError", "Engine", "InterruptedByUserError", "OnEvent"]
