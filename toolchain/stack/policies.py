"""The policy pack at a deploy: its own environment, and the options that have the engine run it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from toolchain.build import progress

PACK = "policies"
_FALLBACK = "dev"
"""Whose parameters a stack gets that has none of its own, such as that of the reduced mode."""


class PolicyError(Exception):
    """The pack's environment cannot be made; says what to do."""


def options(project: Path, stack: str) -> list[str]:
    """For `pulumi up` and `pulumi preview` of a stack."""
    config = Path(PACK) / "config" / f"{stack}.json"
    if not (project / config).exists():
        config = Path(PACK) / "config" / f"{_FALLBACK}.json"
    return ["--policy-pack", PACK, "--policy-pack-config", str(config)]


def prepare(project: Path) -> None:
    """Bring the pack's environment to its lockfile; nothing is asked of a registry when it is there.

    Raises:
        PolicyError: uv is missing, or cannot make it.
    """
    folder = project / PACK
    wanted = hashlib.sha256((folder / "uv.lock").read_bytes()).hexdigest()
    stamp = folder / ".venv" / "echorator.stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    uv = shutil.which("uv")
    if uv is None:
        raise PolicyError("the policy pack needs uv, which is not on PATH; the commands of `make` have it")
    # Run from the program's own environment, whose name uv would take for the one to change.
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    with progress.reporter().step("Making the policy pack's environment"):
        done = subprocess.run(
            [uv, "sync", "--frozen", "--quiet", "--project", str(folder)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise PolicyError(f"`uv sync --frozen --project {PACK}` failed:\n{done.stderr.strip()}")
    stamp.write_text(wanted)
