"""How much one key may ask, and how often one address may be wrong: token buckets in a table of bounded size.

They are kept in this process: with several replicas of the service, each counts for itself.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from echo.auth.principal import Principal
from echo.config.model import RateConfig

__all__ = ["Buckets", "LimitError", "Rates"]

_MOST = 10_000


class LimitError(Exception):
    """A limit is reached.

    Attributes:
        retry_after: seconds.
    """

    def __init__(self, message: str, retry_after: float) -> None:
        self.retry_after = max(1, math.ceil(retry_after))
        super().__init__(message)


@dataclass
class _Bucket:
    level: float
    at: float


class Buckets:
    """Token buckets by name; the one unused longest makes room for a new one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, name: str, per_minute: float, burst: float) -> float:
        """Take one token; return 0, or the seconds until there is one."""
        now = self._clock()
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = _Bucket(burst, now)
            if len(self._buckets) > self._most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(name)
        bucket.level = min(burst, bucket.level + (now - bucket.at) * per_minute / 60)
        bucket.at = now
        if bucket.level >= 1:
            bucket.level -= 1
            return 0.0
        return (1 - bucket.level) * 60 / per_minute

    def __len__(self) -> int:
        return len(self._buckets)


class Rates:
    """The limits of keys."""

    def __init__(self, config: RateConfig, clock: Callable[[], float] = time.monotonic) -> None:
        self.config = config
        self._buckets = Buckets(clock)
        self._running: dict[str, int] = {}

    def begin(self, principal: Principal) -> None:
        """Count a request; `end` must follow.

        Raises:
            LimitError: It is one too many, and was not counted.
        """
        most = principal.concurrent if principal.concurrent is not None else self.config.concurrent
        running = self._running.get(principal.name, 0)
        if most is not None and running >= most:
            raise LimitError(f"the key {principal.name} may have {most} requests at once", 1)
        rate = principal.requests_per_minute
        rate = rate if rate is not None else self.config.requests_per_minute
        if rate is not None:
            wait = self._buckets.take(principal.name, rate, min(self.config.burst, max(1, rate)))
            if wait:
                raise LimitError(f"the key {principal.name} may make {rate:g} requests a minute", wait)
        self._running[principal.name] = running + 1

    def end(self, principal: Principal) -> None:
        """Count a request's end."""
        left = self._running.get(principal.name, 0) - 1
        if left > 0:
            self._running[principal.name] = left
        else:
            self._running.pop(principal.name, None)
