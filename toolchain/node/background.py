"""A supervisor seen from a command: start it in the background, find it again, ask it."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from toolchain.node import linux
from toolchain.node.processes import PACKAGE_ROOT

_BOOT_S = 20.0
_ANSWER_S = 5.0
_POLL_S = 0.02


def find(record: Path) -> int | None:
    """Process id of the process that a file records; None when it does not run."""
    try:
        found: dict[str, int] = json.loads(record.read_text())
    except (FileNotFoundError, ValueError):
        return None
    started = linux.process_start_time(found["pid"])
    # The start time tells the recorded process from a later one with the same id.
    return found["pid"] if started is not None and started == found["start_time"] else None


def ask(address: str, request: Mapping[str, Any]) -> dict[str, Any] | None:
    """An answer from a unix socket; None when nobody answers."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(_ANSWER_S)
        try:
            client.connect(address)
            client.sendall(json.dumps(request).encode() + b"\n")
            with client.makefile("rb") as answer:
                line = answer.readline()
        except OSError:
            return None
    return json.loads(line) if line else None


def start(
    module: str,
    spec_file: Path,
    *,
    environment: Mapping[str, str],
    log: Path,
    record: Path,
    answers: Callable[[], bool],
) -> int | None:
    """Starts a module that forks, notes its child and leaves; waits until the child answers.

    Args:
        module: Gets the spec file as its only argument.
        spec_file: What the module is to do.
        environment: All that it gets but for what Python and the package need.
        log: Gets its output.
        record: Where the module notes the child.
        answers: Whether the child answers.

    Returns:
        The child's process id; None when it ended or did not answer in time.

    Raises:
        subprocess.TimeoutExpired: The module did not leave.
    """
    needed = {"LANG": "C.UTF-8", "PYTHONPATH": str(PACKAGE_ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with log.open("ab") as output:
        starter = subprocess.run(
            [sys.executable, "-m", module, str(spec_file)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**environment, **needed},
            start_new_session=True,
            timeout=_BOOT_S,
            check=False,
        )
    deadline = time.monotonic() + _BOOT_S
    while starter.returncode == 0 and time.monotonic() < deadline:
        pid = find(record)
        if pid is None:
            return None
        if answers():
            return pid
        time.sleep(_POLL_S)
    return None
