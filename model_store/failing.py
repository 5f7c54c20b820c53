"""Blobs whose downloads fail again and again, so that a pull learns it at once and with the cause.

Ollama shows nothing of a failed blob: it asks again for half a minute and more, and each time the whole blob may come
from upstream once more, to be as wrong as before. Its user sees a pull without progress.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from model_store.errors import StoreError
from model_store.names import Digest

__all__ = ["Failing"]

_OFTEN = 2
"""Downloads in a row that failed: a single one may have been an accident."""
_REMEMBERED_S = 45.0
"""How long a pull is refused after the last of them. Longer would keep a registry that was mended waiting."""
_FORGOTTEN_S = 600.0
"""After this long without a further failure the count begins again."""


@dataclass
class _Entry:
    count: int
    at: float
    error: StoreError


class Failing:
    """Counts failures in a row for each blob.

    Args:
        clock: seconds, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    def failed(self, digest: Digest, error: StoreError) -> None:
        """Count a download that ended in `error`."""
        now = self._clock()
        self._entries = {key: entry for key, entry in self._entries.items() if now - entry.at < _FORGOTTEN_S}
        before = self._entries.get(digest.hex)
        self._entries[digest.hex] = _Entry(1 if before is None else before.count + 1, now, error)

    def came(self, digest: Digest) -> None:
        """Forget the failures of a blob that is stored now."""
        self._entries.pop(digest.hex, None)

    def check(self, missing: Iterable[Digest]) -> None:
        """Refuse what needs a blob that lately failed often.

        Args:
            missing: blobs that are neither stored nor on their way.

        Raises:
            StoreError: the one that the blob's last download ended in.
        """
        now = self._clock()
        for digest in missing:
            entry = self._entries.get(digest.hex)
            if entry is not None and entry.count >= _OFTEN and now - entry.at < _REMEMBERED_S:
                again = f"{entry.count} downloads in a row failed; the next is tried in {self._left(entry, now)} s"
                raise type(entry.error)(f"{entry.error.message} ({again})", entry.error.attempts)

    def _left(self, entry: _Entry, now: float) -> int:
        return max(1, round(_REMEMBERED_S - (now - entry.at)))
