"""Why a build step failed, and what the user can do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TAIL_LINES = 15


@dataclass(frozen=True)
class Cause:
    """A likely reason, and its fix."""

    reason: str
    fix: str


class BuildError(RuntimeError):
    """A step that failed: what, why, where its log is, and the fix."""

    def __init__(
        self, what: str, *, cause: Cause | None = None, log: Path | None = None, tail: Sequence[str] = ()
    ) -> None:
        self.what = what
        self.cause = cause
        self.log = log
        self.tail = tuple(tail)
        super().__init__(self._text())

    def _text(self) -> str:
        lines = [self.what]
        if self.tail:
            lines += ["  last lines of its log:", *(f"    {line}" for line in self.tail)]
        if self.log is not None:
            lines.append(f"  log: {self.log}")
        if self.cause is not None:
            lines += [f"  cause: {self.cause.reason}", f"  fix: {self.cause.fix}"]
        return "\n".join(lines)


class BuildCancelledError(BuildError):
    """The user, or the failure of another step, stopped this one."""

    def __init__(self, what: str) -> None:
        super().__init__(f"{what}: stopped; what is finished is kept, run it again to go on")


_OFFLINE = Cause(
    "a package registry cannot be reached",
    "check the network and the proxy settings (HTTPS_PROXY, GOPROXY), then run it again: it goes on from here",
)

# The first pattern that matches names the cause, so the ones that others bring with them
# come first: a full disk makes Go complain of a corrupt module as well.
_CAUSES: tuple[tuple[re.Pattern[str], Cause], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), cause)
    for pattern, cause in (
        (
            r"no space left on device|disk quota exceeded",
            Cause("the disk is full", "free some space, or put the cache on another disk with ECHORATOR_CACHE"),
        ),
        (
            r"cannot allocate memory|out of memory|signal: killed|fatal error: killed signal",
            Cause("the machine ran out of memory", "stop other programs or add swap, then run it again"),
        ),
        (
            r"C compiler \S+ not found|executable file not found in \$PATH|cc1plus.*not found|g(cc|\+\+): not found",
            Cause("a program that the build needs is missing", "install it (for the C++ parts: gcc and g++)"),
        ),
        (
            r"requires go >= \S+|toolchain not available",
            Cause("the Go compiler is too old", "install the Go version named in the log"),
        ),
        (
            r"missing go\.sum entry|updates to go\.mod needed",
            Cause("a lockfile in toolchain/go does not match its sources", "restore go.mod and go.sum from git"),
        ),
        (
            r"checksum mismatch|do not match (the hashes|these hashes)",
            Cause(
                "a download differs from what the lockfile expects",
                "try another network: something between here and the registry changes files",
            ),
        ),
        (
            r"could not get lock|unable to lock",
            Cause("another apt is running", "wait until it is done, then run it again"),
        ),
        (
            r"unable to locate package|has no installation candidate",
            Cause(
                "Debian's package lists lack a package", "check that the machine's apt sources name Debian 12's main"
            ),
        ),
        (
            (
                r"dial tcp|i/o timeout|no such host|connection (refused|reset|timed out)|tls handshake timeout"
                r"|temporary failure resolving|could not resolve|failed to fetch|network is unreachable"
                r"|max retries exceeded|connecterror|could not connect|unexpected eof|proxyconnect|bad gateway"
            ),
            _OFFLINE,
        ),
        (
            r"no matching distribution found|no solution found",
            Cause("the Python registry does not offer a pinned file", "check which registry pip or uv is set to use"),
        ),
    )
)


def explain(log: str) -> Cause | None:
    """The likely cause of a failure, from what the failed program wrote; None when nothing known is in it."""
    return next((cause for pattern, cause in _CAUSES if pattern.search(log)), None)


def tail(text: str, lines: int = TAIL_LINES) -> list[str]:
    """The last lines of a log that are not blank."""
    return [line.rstrip() for line in text.splitlines() if line.strip()][-lines:]
