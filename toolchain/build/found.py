"""Tools that the machine brings itself, used where their version fits."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from toolchain import catalog

_LIMIT_S = 20.0
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")

Version = tuple[int, int, int]


def version_of(text: str) -> Version | None:
    """The first ``major.minor.patch`` in a text, with or without a leading v."""
    found = _VERSION.search(text)
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def kubectl() -> Path | None:
    """A kubectl on PATH within one minor version of our cluster: further apart Kubernetes supports none."""
    program = shutil.which("kubectl")
    answer = ask(["kubectl", "version", "--client", "--output", "json"]) if program is not None else None
    if program is None or answer is None:
        return None
    try:
        version = version_of(str(json.loads(answer)["clientVersion"]["gitVersion"]))
    except (ValueError, KeyError, TypeError):
        return None
    wanted = version_of(catalog.KUBERNETES)
    fits = version is not None and wanted is not None and version[0] == wanted[0] and abs(version[1] - wanted[1]) <= 1
    return Path(program) if fits else None


def pulumi() -> tuple[Path, str] | None:
    """A pulumi on PATH that speaks the pinned SDK's protocol, with its version: at least the SDK's, below 4."""
    program = shutil.which("pulumi")
    answer = ask(["pulumi", "version"]) if program is not None else None
    if program is None or answer is None:
        return None
    version = version_of(answer)
    wanted = version_of(catalog.PULUMI)
    if version is None or wanted is None or version < wanted or version[0] != wanted[0]:
        return None
    return Path(program), ".".join(map(str, version))


def ask(command: Sequence[str], *, env: dict[str, str] | None = None, limit_s: float = _LIMIT_S) -> str | None:
    """What a program prints; None when it fails, is not there or takes too long."""
    quiet = {"PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=limit_s,
            check=False,
            stdin=subprocess.DEVNULL,
            env=os.environ | quiet | (env if env is not None else {}),
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
