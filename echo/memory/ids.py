"""Ids that sort by the time they were made."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

RandomBytes = Callable[[int], bytes]
_MS = 1000
_TIME_BITS = 48
_RANDOM_BITS = 74
_STEP_BYTES = 4


class IdMaker:
    """Makes UUIDs of version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits.

    Ids that were made together lie together in the primary key, where random ones would touch a page each. Within
    one maker each is above the one before, also in one millisecond or when the clock goes back: so the memories of
    one batch keep their order.
    """

    def __init__(self, random: RandomBytes = secrets.token_bytes) -> None:
        self._random = random
        self._last = -1

    def __call__(self, now: datetime) -> UUID:
        """The next id."""
        milliseconds = int(now.timestamp() * _MS) & (1 << _TIME_BITS) - 1
        noise = int.from_bytes(self._random(10), "big") & (1 << _RANDOM_BITS) - 1
        value = milliseconds << _RANDOM_BITS | noise
        if value <= self._last:
            value = self._last + 1 + int.from_bytes(self._random(_STEP_BYTES), "big")
        self._last = value
        time, noise = value >> _RANDOM_BITS, value & (1 << _RANDOM_BITS) - 1
        return UUID(int=time << 80 | 7 << 76 | (noise >> 62) << 64 | 2 << 62 | noise & (1 << 62) - 1)
