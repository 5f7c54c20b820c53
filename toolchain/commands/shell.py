"""``make shell`` and ``make pulumi``: the stack's environment for commands typed by hand."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from toolchain.commands.machines import Prepared, prepared


def shell() -> int:
    """A shell in the checkout where pulumi and kubectl work on the stack; returns its exit code."""
    ready = prepared()
    ready.pulumi.init()
    program = os.environ.get("SHELL", "/bin/sh")
    return subprocess.run([program], cwd=ready.pulumi.environment.project, env=_shown(ready), check=False).returncode


def pulumi(arguments: Sequence[str]) -> int:
    """One pulumi command; returns its exit code."""
    ready = prepared()
    ready.pulumi.init()
    return ready.pulumi.run(arguments)


def _shown(ready: Prepared) -> dict[str, str]:
    return {**ready.pulumi.variables, "PS1": "(echorator) \\w \\$ "}
