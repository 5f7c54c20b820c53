"""Which Python runs a program: the ``runtime.options`` of a Pulumi.yaml, as Pulumi's own host reads them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

TOOLCHAINS = ("pip", "uv")


class NoInterpreterError(Exception):
    """The program's virtual environment is missing or named wrongly."""


def interpreter(options: Mapping[str, object], root: Path) -> Path:
    """Find the Python of a program.

    Args:
        options: ``runtime.options``: ``toolchain`` (``pip``, ``uv``) and ``virtualenv``, a folder under `root`.
        root: the folder of Pulumi.yaml, PulumiPolicy.yaml or PulumiPlugin.yaml.

    Raises:
        NoInterpreterError: with the folder that was looked at and the command that makes it.
    """
    toolchain = str(options.get("toolchain") or "pip").lower()
    if toolchain not in TOOLCHAINS:
        raise NoInterpreterError(
            f"runtime.options.toolchain is {toolchain!r}: this host knows {', '.join(TOOLCHAINS)}; "
            "install a release of Pulumi for others"
        )
    folder = options.get("virtualenv") or (".venv" if toolchain == "uv" else None)
    if folder is None:
        command = os.environ.get("PULUMI_PYTHON_CMD") or "python3"
        found = shutil.which(command)
        if found is None:
            raise NoInterpreterError(f"{command} is not on PATH and runtime.options.virtualenv is not set")
        return Path(found)
    python = root / str(folder) / "bin" / "python"
    if not python.is_file():
        make = "uv sync --frozen" if toolchain == "uv" else f"python3 -m venv {folder}"
        raise NoInterpreterError(f"no virtual environment in {python.parent.parent}; make it with: {make}")
    return python
