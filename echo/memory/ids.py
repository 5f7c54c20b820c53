"""Ids that sort by the time they were made."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

RandomBytes = Callable[[int], bytes]
_MS = 1000


def new_id(now: datetime, random: RandomBytes = secrets.token_bytes) -> UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of milliseconds, then 74 random bits.

    Ids that were made together lie together in the primary key, where random ones would touch a page each.
    """
    milliseconds = int(now.timestamp() * _MS) & (1 << 48) - 1
    noise = int.from_bytes(random(10), "big")
    value = milliseconds << 80 | 7 << 76 | (noise >> 68 & 0xFFF) << 64 | 2 << 62 | noise & (1 << 62) - 1
    return UUID(int=value)
