"""Containers of the local node, from outside: their processes, and the end of them."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.kube import Kube


def kill_processes(kube: Kube, namespace: str, pod: str, container: str) -> int:
    """SIGKILL every process of a container; returns how often it was restarted before."""
    found = kube.pod(namespace, pod)
    assert found is not None
    statuses: list[dict[str, Any]] = found["status"]["containerStatuses"]
    status = next(one for one in statuses if one["name"] == container)
    pids = processes_of(str(status["containerID"]).rsplit("/", 1)[-1])
    assert pids, f"no process of {container} in {pod} found"
    for pid in pids:
        # With the container's first process the others go, and each may end by itself meanwhile.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return int(status["restartCount"])


def processes_of(container_id: str) -> list[int]:
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                groups = (entry / "cgroup").read_text()
            except OSError:
                # It ended meanwhile.
                continue
            if container_id in groups:
                found.append(int(entry.name))
    return found
