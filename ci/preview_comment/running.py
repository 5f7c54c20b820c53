"""Runs the preview in the project's own environment and keeps what the engine and the command said."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolchain import paths
from toolchain.session import Session

_KEPT = 20_000
"""Characters of the command's output that are kept: the end says why it failed."""


class NoEngineError(Exception):
    """There is no `pulumi` to run; says how to get one."""


@dataclass(frozen=True)
class Ran:
    """A preview that was run.

    Attributes:
        code: exit status of the command.
        events: the event log, empty where the engine did not begin.
        output: what the command printed, errors included.
    """

    code: int
    events: str
    output: str


def run_preview(stack: str, extra: Sequence[str] = ()) -> Ran:
    """Run `pulumi preview` with an event log.

    On a machine with a session of `make up` it is that session's engine, backend and cluster; elsewhere, as in CI,
    the `pulumi` on PATH and the environment as it is.

    Args:
        stack: its name, as `pulumi -s` takes it.
        extra: further arguments, such as `--policy-pack policies`.

    Raises:
        NoEngineError: there is no `pulumi`.
    """
    session = Session.load()
    if session is None:
        return _run(dict(os.environ), paths.CHECKOUT, stack, extra)
    environment = session.environment()
    try:
        return _run(environment.variables(os.environ), environment.project, stack, extra)
    finally:
        environment.clear_temporary()


def _run(variables: dict[str, str], project: Path, stack: str, extra: Sequence[str]) -> Ran:
    program = shutil.which("pulumi", path=variables.get("PATH"))
    if program is None:
        raise NoEngineError("`pulumi` is not on PATH. Fix: `make up` brings it; in CI, pulumi/actions installs it")
    # The option --event-log is one of those that the engine shows and takes only so.
    variables = {**variables, "PULUMI_DEBUG_COMMANDS": "true"}
    # Of this process alone: the log has the stack's plain configuration in it.
    with tempfile.TemporaryDirectory(prefix="preview-") as folder:
        log = Path(folder) / "events.jsonl"
        command = [program, "preview", "-s", stack, "--event-log", str(log), "--non-interactive", "--color", "never"]
        done = subprocess.run(
            [*command, "--suppress-progress", *extra],
            cwd=project,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        events = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    return Ran(done.returncode, events, done.stdout[-_KEPT:])
