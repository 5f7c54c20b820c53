"""Locks between runs. The kernel drops them with the process, so a kill -9 leaves none behind."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from toolchain.build.failures import BuildCancelledError

_POLL_S = 0.2


def _never() -> bool:
    return False


@contextmanager
def exclusive(
    path: Path,
    what: str,
    *,
    waiting: Callable[[str], None],
    cancelled: Callable[[], bool] = _never,
) -> Generator[None]:
    """Hold a lock file alone.

    Args:
        path: the lock file; it stays when the lock is gone, since deleting it would let two runs hold two files.
        what: what is being done under the lock, for the message of whoever waits.
        waiting: called once with a sentence when another run holds the lock.
        cancelled: asked while waiting; when true the wait ends.

    Raises:
        BuildCancelledError: the wait was given up.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        told = False
        while not _try(descriptor, fcntl.LOCK_EX):
            if not told:
                told = True
                waiting(f"{what}: another run ({_holder(descriptor)}) is at it, waiting for it")
            if cancelled():
                raise BuildCancelledError(what)
            time.sleep(_POLL_S)
        # Only the message of whoever waits needs it, and a full disk must not keep out what would make room.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()}".encode(), 0)
        yield
    finally:
        os.close(descriptor)


class Shared:
    """A lock that many hold at once, and that the last one out can turn into an exclusive one."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def alone(self) -> bool:
        """Try to hold it alone. False when another run shares it; it is then still shared."""
        if _try(self._descriptor, fcntl.LOCK_EX):
            return True
        # A failed conversion has dropped the shared lock (flock(2)), so take it again.
        self.share()
        return False

    def share(self) -> None:
        """Share it (again), waiting for a run that holds it alone."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def close(self) -> None:
        """Let go."""
        os.close(self._descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 100, 0).decode(errors="replace") or "just started"
