"""``make shell`` and ``make pulumi``: the stack's environment for commands typed by hand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from toolchain import paths, session


def shell() -> int:
    """A shell in the checkout where echorator, pulumi and kubectl work on the stack; returns its exit code."""
    pulumi = session.current().pulumi()
    pulumi.init()
    program = os.environ.get("SHELL", "/bin/sh")
    path = f"{paths.CHECKOUT / 'cli' / 'bin'}{os.pathsep}{pulumi.variables['PATH']}"
    variables = {**pulumi.variables, "PATH": path, "PS1": "(echorator) \\w \\$ "}
    return subprocess.run([program], cwd=pulumi.environment.project, env=variables, check=False).returncode


def run_pulumi(arguments: Sequence[str]) -> int:
    """One pulumi command; returns its exit code."""
    pulumi = session.current().pulumi()
    pulumi.init()
    return pulumi.run(arguments)
