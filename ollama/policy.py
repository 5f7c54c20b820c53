"""How long to try, how often, and how to wait in between."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

from ollama.errors import TransientError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class PullPolicy:
    """Limits of one `ensure`; all times in seconds.

    Attributes:
        no_progress_s: a pull whose bytes do not grow for so long is cancelled and begun again. Ollama's own
            watch (30 s) misses a connection that stalls before its first byte, and never gives up.
        deadline_s: limit of one `ensure` on one replica, over all its models.
        attempts: tries without new bytes before giving up; a pull that got further than any before it
            starts the count again.
        backoff_base_s: wait before the second try, doubled each time, times a random 0.5 to 1.5.
        backoff_max_s: longest wait.
        verify_bytes_per_s: slowest disk to allow for. Ollama is silent while it hashes what it downloaded,
            and a pull cancelled there is not hashed at all the next time, so this phase gets
            `no_progress_s` plus the time that such a disk needs.
        create_bytes_per_s: slowest conversion or quantization to allow for. Ollama says nothing while it
            converts, and cannot be stopped, so a second try beside a first that is only slow costs twice.
    """

    no_progress_s: float = 60.0
    deadline_s: float = 3600.0
    attempts: int = 5
    backoff_base_s: float = 1.0
    backoff_max_s: float = 30.0
    verify_bytes_per_s: float = 20e6
    create_bytes_per_s: float = 4e6

    def __post_init__(self) -> None:
        """Refuse limits that cannot work.

        Raises:
            ValueError: naming every one.
        """
        positive = ("no_progress_s", "deadline_s", "verify_bytes_per_s", "create_bytes_per_s")
        faults = [
            f"{name} must be above 0, not {getattr(self, name)}" for name in positive if not getattr(self, name) > 0
        ]
        if self.attempts < 1:
            faults.append(f"attempts must be 1 or more, not {self.attempts}")
        if not 0 <= self.backoff_base_s <= self.backoff_max_s:
            faults.append(
                f"0 <= backoff_base_s <= backoff_max_s must hold, not {self.backoff_base_s}, {self.backoff_max_s}"
            )
        if faults:
            raise ValueError("; ".join(faults))

    def backoff_s(self, failures: int, jitter: float) -> float:
        """Return the wait after the given number of failures (1 or more); `jitter` is in [0, 1)."""
        # The exponent is bounded, as 2.0**1024 overflows.
        doubled = self.backoff_base_s * 2.0 ** min(failures - 1, 60)
        return min(self.backoff_max_s, doubled * (0.5 + jitter))

    def verify_s(self, total_bytes: int) -> float:
        """Return how long a server may be silent while it hashes this many bytes."""
        return self.no_progress_s + total_bytes / self.verify_bytes_per_s

    def create_s(self, total_bytes: int) -> float:
        """Return how long a server may be silent while it converts or quantizes this many bytes."""
        return self.no_progress_s + total_bytes / self.create_bytes_per_s

    async def pause(self, failures: int) -> None:
        """Wait before the next try."""
        await asyncio.sleep(self.backoff_s(failures, random.random()))  # noqa: S311 - spreads load, guards nothing


async def retry(policy: PullPolicy, call: Callable[[], Awaitable[T]], on_failure: Callable[[str], None]) -> T:
    """Return what `call` returns, calling it again after a `TransientError`, up to the policy's attempts."""
    failures = 0
    while True:
        try:
            return await call()
        except TransientError as error:
            failures += 1
            if failures >= policy.attempts:
                raise
            on_failure(error.message)
        await policy.pause(failures)


@asynccontextmanager
async def before(deadline: float, replica: str, model: str | None, doing: str) -> AsyncGenerator[None]:
    """Run the body until `deadline` by the loop's clock.

    Raises:
        TransientError: it was not done by then.
    """
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            yield
    except TimeoutError as error:
        if not limit.expired():
            raise
        hint = "deploy again, which goes on from here; if it is only slow, raise the deadline"
        raise TransientError(replica, model, f"not done within the deadline: {doing}", hint) from error
