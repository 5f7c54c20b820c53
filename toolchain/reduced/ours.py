"""Which processes of the machine are ours, and ending exactly those.

Every process of the reduced mode inherits a mark in its environment: a random text of this checkout. It also finds
what the death of its parent orphaned, such as the runner that Ollama starts for a model, which no list of process
ids would know.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import time
from pathlib import Path

from toolchain.node.ports import is_taken
from toolchain.reduced.errors import ReducedError

VARIABLE = "ECHORATOR_REDUCED"
_TERMINATE_S = 5.0
_KILL_S = 10.0
_POLL_S = 0.05
# Fields of a line of /proc/net/tcp.
_LOCAL, _STATE, _INODE = 1, 3, 9
_LISTENING = "0A"


def read_mark(path: Path) -> str:
    """This checkout's mark, made at first use."""
    if not path.exists():
        part = path.with_name(path.name + ".part")
        part.touch(mode=0o600)
        part.write_text(secrets.token_hex(16))
        part.rename(path)
    return path.read_text()


def carries(pid: int, mark: str) -> bool:
    """Whether a living process has the mark."""
    try:
        environment = Path(f"/proc/{pid}/environ").read_bytes()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        # Gone meanwhile, or another user's, which none of ours is.
        return False
    return f"{VARIABLE}={mark}".encode() in environment.split(b"\0")


def find(mark: str) -> list[int]:
    """Process ids of everything that has the mark, but for this process."""
    everyone = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    return sorted(pid for pid in everyone if pid != os.getpid() and carries(pid, mark))


def parent(pid: int) -> int | None:
    """Process id of a process's parent; None when it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name in parentheses may hold spaces and parentheses; fields count from its last one.
    return int(stat[stat.rindex(")") + 2 :].split()[1])


def listens(mark: str, port: int) -> bool:
    """Whether a process that has the mark listens on a TCP port of IPv4."""
    sockets: set[str] = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[_STATE] == _LISTENING and int(fields[_LOCAL].rpartition(":")[2], 16) == port:
            sockets.add(f"socket:[{fields[_INODE]}]")
    return bool(sockets) and any(sockets & _open_files(pid) for pid in find(mark))


def _open_files(pid: int) -> set[str]:
    found: set[str] = set()
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, PermissionError):
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                found.add(str(entry.readlink()))
    return found


def foreign(mark: str, port: int) -> bool:
    """Whether someone without the mark listens on a port of 127.0.0.1."""
    # Looked at twice: one of ours may have ended between the first look and the second.
    return is_taken(port) and not listens(mark, port) and is_taken(port)


def send(pid: int, mark: str, number: signal.Signals) -> None:
    """Signals a process if it has the mark; never a later process with the same id."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The handle was opened first, so whatever is checked now is what gets the signal.
        if carries(pid, mark):
            signal.pidfd_send_signal(handle, number)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def end(mark: str) -> None:
    """Ends every process that has the mark: asks, then kills.

    Raises:
        ReducedError: One does not die, which means that it hangs in the kernel.
    """
    for number, patience in ((signal.SIGTERM, _TERMINATE_S), (signal.SIGKILL, _KILL_S)):
        deadline = time.monotonic() + patience
        for pid in find(mark):
            send(pid, mark, number)
        while left := find(mark):
            if time.monotonic() > deadline:
                break
            if number is signal.SIGKILL:
                for pid in left:
                    send(pid, mark, number)
            time.sleep(_POLL_S)
        else:
            return
    raise ReducedError(
        f"processes {find(mark)} do not die",
        "they hang in the kernel (see `cat /proc/PID/stack`); a reboot ends them",
    )
