"""Python environments beside the program's own: what they hold cannot live in one with it."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from toolchain.build import progress


class SideEnvironmentError(Exception):
    """An environment cannot be made; says what to do."""


def prepare(project: Path, folder: str, what: str) -> None:
    """Bring `<folder>/.venv` to the folder's lockfile; nothing is asked of a registry when it is there.

    Args:
        project: the checkout.
        folder: in it, with a `uv.lock` of its own.
        what: it is, in messages.

    Raises:
        SideEnvironmentError: uv is missing, or cannot make it.
    """
    place = project / folder
    wanted = hashlib.sha256((place / "uv.lock").read_bytes()).hexdigest()
    stamp = place / ".venv" / "echorator.stamp"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    uv = shutil.which("uv")
    if uv is None:
        raise SideEnvironmentError(f"{what} needs uv, which is not on PATH; the commands of `make` have it")
    # Run from the program's own environment, whose name uv would take for the one to change.
    environment = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    with progress.reporter().step(f"Making the environment of {what}"):
        done = subprocess.run(
            [uv, "sync", "--frozen", "--quiet", "--project", str(place)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        raise SideEnvironmentError(f"`uv sync --frozen --project {folder}` failed:\n{done.stderr.strip()}")
    stamp.write_text(wanted)
