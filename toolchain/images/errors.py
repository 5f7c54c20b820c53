"""What goes wrong while images are built or pushed, and the one way commands are run."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class ImageError(Exception):
    """An image cannot be built or pushed; the message says why and what to do."""


def run(
    command: Sequence[str | Path],
    *,
    what: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    timeout_s: float = 600,
) -> str:
    """Run a command and return its standard output.

    Args:
        command: The program and its arguments.
        what: The step's name in an error.
        env: The whole environment, or None for this process's.
        cwd: The folder to run in.
        timeout_s: Seconds after which the command is killed.

    Raises:
        ImageError: It could not start, failed, or ran past ``timeout_s``; holds the last lines it wrote.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=env, cwd=cwd, timeout=timeout_s)
    except FileNotFoundError as error:
        raise ImageError(f"{what}: the program {words[0]!r} is not there; install it or add it to PATH") from error
    except subprocess.TimeoutExpired as error:
        raise ImageError(f"{what}: {words[0]} did not end within {timeout_s:.0f} s") from error
    if done.returncode:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-12:])
        raise ImageError(f"{what}: {words[0]} ended with status {done.returncode}:\n{tail}")
    return done.stdout
