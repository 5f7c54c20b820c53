"""Looks at the machine before any work starts: every fault at once, each with its fix.

Ports cannot collide: the node has a network namespace of its own, and its doors on the host's
loopback move to a free port when theirs is taken.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

from toolchain import paths
from toolchain.machine import Kind

_GB = 10**9
_GIB = 2**30
RUN_DISK_GB = 6.0
"""Images, registry, two models on up to three replicas, and etcd."""
GROW_DISK_GB = 1.0
"""For a node whose disks are there already."""
MEMORY_GIB = 4.0
"""The control plane takes 1.1 GiB, a replica of the small class up to 2 GiB."""
_SOCKET = "control.sock"
_SOCKET_PATH_LIMIT = 107
_NODE_COMMANDS = {
    "ip": "iproute2",
    "mount": "mount",
    "umount": "mount",
    "nsenter": "util-linux",
    "openssl": "openssl",
}
_REDUCED_COMMANDS = {"openssl": "openssl"}
_TRIAL_TIMEOUT_S = 60


class PreflightError(Exception):
    """The machine lacks something.

    Attributes:
        faults: One line each, with its fix.
    """

    def __init__(self, faults: list[str]) -> None:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        super().__init__(f"This machine is not ready yet:\n{listed}")
        self.faults = faults


def trial_faults(folder: Path) -> list[str]:
    """What the node's trial found, as ``what: fix``.

    Args:
        folder: Where containers will be stored; it need not exist.
    """
    if os.geteuid() != 0:
        return ["this is not root, which namespaces and containers need: run as root (or use a cluster of yours)"]
    there = next(place for place in (folder, *folder.parents) if place.is_dir())
    done = subprocess.run(
        [sys.executable, "-m", "toolchain.node.trial", str(there)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_TRIAL_TIMEOUT_S,
        env={**os.environ, "PYTHONPATH": str(paths.CHECKOUT)},
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no word"])[-1]
        return [f"the trial of namespaces and mounts failed ({last}): run as root outside of a container"]
    return [f"{what}: {fix}" for what, fix in json.loads(done.stdout)]


@functools.cache
def why_no_node(folder: Path | None = None) -> str | None:
    """Why this machine cannot run the local node, or None if it can.

    Looks at abilities only; memory, disk and commands can be mended and are for :func:`check`.
    """
    return "; ".join(trial_faults(paths.state_dir() if folder is None else folder)) or None


def command_faults(commands: dict[str, str]) -> list[str]:
    """Commands that are missing, with the Debian package that brings them."""
    return [
        f"the command `{name}` is missing: apt-get install {package}"
        for name, package in commands.items()
        if shutil.which(name) is None
    ]


def available_memory_gib(meminfo: str) -> float:
    """What programs may still take, from the text of /proc/meminfo."""
    fields = {name: value.split() for name, _, value in (line.partition(":") for line in meminfo.splitlines())}
    return int(fields["MemAvailable"][0]) * 1024 / _GIB


def memory_faults(meminfo: str) -> list[str]:
    """Too little memory for a cluster that is yet to be started."""
    available = available_memory_gib(meminfo)
    if available >= MEMORY_GIB:
        return []
    return [f"{available:.1f} GiB of memory are available, {MEMORY_GIB:.0f} are needed: end other programs"]


def disk_faults(needs: Iterable[tuple[Path, float]]) -> list[str]:
    """Too little disk space.

    Args:
        needs: Folders, which need not exist, and the GB (10**9 bytes) needed there. Needs on the
            same disk add up.
    """
    by_disk: dict[int, tuple[Path, float]] = {}
    for folder, gigabytes in needs:
        there = next(place for place in (folder, *folder.parents) if place.is_dir())
        first, sum_so_far = by_disk.get(there.stat().st_dev, (there, 0.0))
        by_disk[there.stat().st_dev] = (first, sum_so_far + gigabytes)
    faults: list[str] = []
    for folder, gigabytes in by_disk.values():
        free = shutil.disk_usage(folder).free / _GB
        if free < gigabytes:
            faults.append(
                f"{folder} has {free:.1f} GB free, {gigabytes:.1f} are needed: free some, "
                "or put the tools elsewhere with ECHORATOR_CACHE"
            )
    return faults


def find_faults(kind: Kind, *, state: Path, run: Path, cache: Path, build_gb: float = 0.0) -> list[str]:
    """Everything that is wrong with the machine for this way of working; see :func:`check`."""
    if kind is Kind.EXISTING:
        return []
    home = state / ("node" if kind is Kind.NODE else "reduced")
    started = ((run if kind is Kind.NODE else home / "run") / _SOCKET).exists()
    used = (home / "etcd").is_dir()
    faults = command_faults(_NODE_COMMANDS if kind is Kind.NODE else _REDUCED_COMMANDS)
    if kind is Kind.NODE:
        faults += trial_faults(state)
        if len(str(run / _SOCKET)) > _SOCKET_PATH_LIMIT:
            faults.append(f"{run} is too long for a unix socket ({_SOCKET_PATH_LIMIT} bytes): move the run folder")
    if not started:
        faults += memory_faults(Path("/proc/meminfo").read_text())
    return faults + disk_faults([(state, GROW_DISK_GB if used else RUN_DISK_GB), (cache, build_gb)])


def check(kind: Kind, *, build_gb: float = 0.0) -> None:
    """Refuses what cannot end well, before any work starts.

    Args:
        kind: The way of working that was chosen for this machine.
        build_gb: Disk space that the tools still to be built need (10**9 bytes), 20 for all.

    Raises:
        PreflightError: Lists every fault with its fix.
    """
    faults = find_faults(kind, state=paths.state_dir(), run=paths.run_dir(), cache=paths.cache_dir(), build_gb=build_gb)
    if faults:
        raise PreflightError(faults)
