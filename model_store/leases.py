"""What must not be deleted now: blobs that were promised, and names that are being asked for.

All of it lives on the event loop and takes no lock: nothing here waits.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass

from model_store.names import Digest

__all__ = ["Leases"]

_PURGE_ABOVE = 4096


@dataclass
class _Lease:
    blobs: frozenset[str]
    until: float


class Leases:
    """Promises made by handing out a manifest, renewed by each request for one of its blobs.

    A pull that takes hours stays promised as long as it goes on; one that was given up ends by itself.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._leases: dict[str, _Lease] = {}
        self._single: dict[str, float] = {}
        self._asking: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        """Promises in memory, ended ones that were not cleared away yet included."""
        return len(self._leases) + len(self._single)

    @contextmanager
    def asking(self, alias: str, repository: str) -> Generator[None]:
        """Mark that somebody asks for a manifest of this repository, so that none is taken from under them."""
        key = (alias, repository)
        self._asking[key] += 1
        try:
            yield
        finally:
            self._asking[key] -= 1
            if not self._asking[key]:
                del self._asking[key]

    def is_asked(self, alias: str, repository: str) -> bool:
        """Whether somebody asks for a manifest of this repository now."""
        return (alias, repository) in self._asking

    def grant(self, manifest: Digest, blobs: Iterable[Digest]) -> None:
        """Promise a manifest's blobs."""
        now = time.monotonic()
        if len(self) >= _PURGE_ABOVE:
            self._leases = {key: lease for key, lease in self._leases.items() if lease.until > now}
            self._single = {key: until for key, until in self._single.items() if until > now}
        self._leases[manifest.hex] = _Lease(frozenset(blob.hex for blob in blobs), now + self.seconds)

    def used(self, blob: Digest) -> None:
        """Renew every promise that holds this blob: whoever fetches one will ask for the others."""
        now = time.monotonic()
        self._single[blob.hex] = now + self.seconds
        for lease in self._leases.values():
            if lease.until > now and blob.hex in lease.blobs:
                lease.until = now + self.seconds

    def holds_manifest(self, manifest: Digest) -> bool:
        """Whether a manifest's blobs are promised."""
        lease = self._leases.get(manifest.hex)
        return lease is not None and lease.until > time.monotonic()

    def holds_blob(self, blob: Digest) -> bool:
        """Whether a blob is promised, by itself or by a manifest."""
        now = time.monotonic()
        if self._single.get(blob.hex, 0.0) > now:
            return True
        return any(lease.until > now and blob.hex in lease.blobs for lease in self._leases.values())

    def release(self, manifest: Digest) -> None:
        """Take a promise back: the model was deleted by name."""
        lease = self._leases.pop(manifest.hex, None)
        for blob in lease.blobs if lease is not None else ():
            self._single.pop(blob, None)
