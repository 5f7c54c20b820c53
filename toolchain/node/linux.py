"""The few kernel calls that Python 3.11 does not offer: namespaces and mounts."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MS_MOVE = 0x2000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
MS_SHARED = 1 << 20

CAP_SYS_RESOURCE = 24

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """Moves the calling thread into new namespaces."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Moves the calling thread into the namespace of an open file; ``kind`` guards against a wrong one."""
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str | Path, fstype: str = "", flags: int = 0, data: str = "") -> None:
    """Mounts, moves or changes a mount; the error names source and target."""
    _check(
        _libc.mount(source.encode(), str(target).encode(), fstype.encode() or None, flags, data.encode() or None),
        f"mount {fstype or 'of'} {source} on {target}",
    )


def has_capability(number: int) -> bool:
    """Whether this process has an effective capability."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False


def process_start_time(pid: int) -> int | None:
    """Clock ticks from boot to the process's start, or None when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold spaces and parentheses; fields count from its last one.
    tail = stat[stat.rindex(")") + 2 :].split()
    return None if tail[0] in ("Z", "X") else int(tail[19])
