"""``make check``: the workflows in .github, read by actionlint."""

from __future__ import annotations

import subprocess

from toolchain import paths
from toolchain.build.builder import ensure

TOOL = "actionlint"


def workflows() -> int:
    """Build actionlint where it is missing and run it on every workflow; returns its exit code."""
    files = sorted((paths.CHECKOUT / ".github" / "workflows").glob("*.yml"))
    program = ensure([TOOL]).path(TOOL)
    return subprocess.run([program, "-color", *files], cwd=paths.CHECKOUT, check=False).returncode
