"""Where a page ended, as a word for whoever asks for the next one."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime

from echo.memory.checks import Checker

_LONGEST = 512


def write(at: datetime, name: str) -> str:
    """Return the cursor of a place: a time, and a name that tells places of one time apart."""
    return base64.urlsafe_b64encode(f"{at.isoformat()} {name}".encode()).decode().rstrip("=")


def read(checker: Checker, cursor: str) -> tuple[datetime, str] | None:
    """Return a cursor's place; None for no cursor."""
    if not cursor:
        return None
    place = _place(cursor)
    if place is None:
        checker.fault("cursor", "must be `next` of a page that came before")
    return place


def _place(cursor: str) -> tuple[datetime, str] | None:
    if len(cursor) > _LONGEST or not cursor.isascii():
        return None
    try:
        time, _, name = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(" ")
        at = datetime.fromisoformat(time)
    except (ValueError, binascii.Error):
        return None
    return None if at.tzinfo is None or not name or "\x00" in name else (at, name)
