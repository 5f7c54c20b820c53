"""A blob while it is being downloaded: what has come, and who waits for more."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Sequence

from model_store.errors import StoreError
from model_store.names import Digest
from model_store.volume import Volume

__all__ = ["HELD_BACK", "Download"]

# The end of a blob that nobody gets before the digest of the whole is right.
# A blob no longer than this is sent only when verified.
HELD_BACK = 64 << 10
_REHASH_CHUNK = 1 << 20


class Download:
    """One blob on its way. Lives on the event loop; only `load` and `append` block.

    Attributes:
        digest: What the bytes must hash to.
        total: Size in bytes as the upstream announced it; None before that.
        have: Bytes on the volume.
        received: Bytes that came from upstream in this run.
        verified: Whether all bytes are there and the digest is right.
        error: Why it failed, once it has.
        ended: Set when nothing more will happen, the blob being stored or not.
    """

    def __init__(self, volume: Volume, digest: Digest) -> None:
        self.digest = digest
        self.path = volume.partial_path(digest)
        self.fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self.total: int | None = None
        self.have = 0
        self.received = 0
        self.verified = False
        self.error: StoreError | None = None
        self._hash = hashlib.sha256()
        self._changed = asyncio.Event()
        self.ended = asyncio.Event()

    def load(self) -> None:
        """Hash what an earlier run left; it is trusted no further than that. Blocking."""
        self._hash = hashlib.sha256()
        offset = 0
        while chunk := os.pread(self.fd, _REHASH_CHUNK, offset):
            self._hash.update(chunk)
            offset += len(chunk)
        self.have = offset

    def append(self, chunks: Sequence[bytes]) -> int:
        """Write and hash more bytes, and say how many. Blocking; the caller adds them to `have`.

        Raises:
            OSError: From the volume.
        """
        data = memoryview(b"".join(chunks))
        self._hash.update(data)
        offset, end = self.have, self.have + len(data)
        while offset < end:
            offset += os.pwrite(self.fd, data[len(data) - (end - offset) :], offset)
        return len(data)

    def restart(self) -> None:
        """Drop all bytes. Only while nobody can have read them: before `total` is known. Blocking.

        Raises:
            OSError: From the volume.
        """
        os.ftruncate(self.fd, 0)
        self._hash = hashlib.sha256()
        self.have = 0

    @property
    def matches(self) -> bool:
        """Whether the bytes so far hash to the digest."""
        return self._hash.hexdigest() == self.digest.hex

    @property
    def found(self) -> str:
        """The digest of the bytes so far."""
        return f"sha256:{self._hash.hexdigest()}"

    @property
    def readable(self) -> int:
        """How far a reader may read now."""
        if self.verified:
            return self.have
        return 0 if self.total is None else max(0, min(self.have, self.total - HELD_BACK))

    def notify(self) -> None:
        """Wake those who wait."""
        self._changed.set()
        self._changed = asyncio.Event()

    def fail(self, error: StoreError) -> None:
        """End it with an error, unless it has ended."""
        if self.error is None and not self.verified:
            self.error = error
            self.notify()

    async def size(self) -> int:
        """Wait until the size is known.

        Raises:
            StoreError: When the download fails before that.
        """
        while self.total is None:
            if self.error is not None:
                raise self.error
            await self._changed.wait()
        return self.total

    async def finished(self) -> None:
        """Wait until it is stored, or has failed.

        Raises:
            StoreError: When the download fails.
        """
        await self.ended.wait()
        if self.error is not None:
            raise self.error

    async def wait_past(self, offset: int) -> int:
        """Wait until a reader may read past ``offset``, and say how far.

        Raises:
            StoreError: When the download fails first.
        """
        while self.readable <= offset:
            if self.error is not None:
                raise self.error
            await self._changed.wait()
        return self.readable
