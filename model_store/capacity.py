"""Whether there is room, asked before a byte is downloaded."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from model_store.errors import InsufficientStorageError
from model_store.names import Digest
from model_store.volume import Volume

__all__ = ["Capacity", "human_bytes"]


def human_bytes(count: int) -> str:
    """Bytes for people, in powers of 1000 as Ollama prints them."""
    for power, unit in ((12, "TB"), (9, "GB"), (6, "MB"), (3, "kB")):
        if count >= 10**power:
            return f"{count / 10**power:.1f} {unit}"
    return f"{count} B"


@dataclass(frozen=True)
class _Shortage:
    bytes: int
    message: str


class Capacity:
    """Keeps the volume under the config's limit and the disk above its floor.

    Every byte that comes to the volume is asked for here first, so this is the
    one place that makes room: it drops unfinished downloads that nobody runs,
    and then has unwanted models deleted.

    Attributes:
        make_room: Deletes what may go so that so many bytes become free, and says how many did.
    """

    def __init__(self, volume: Volume, *, max_bytes: int | None, min_free: int) -> None:
        self.make_room: Callable[[int], Awaitable[int]] | None = None
        self._making = asyncio.Lock()
        self._volume = volume
        self._max_bytes = max_bytes
        self._min_free = min_free
        # Bytes still to come, by running download or upload.
        self._promised: dict[str, int] = {}

    async def check(self, what: str, wanted: Mapping[Digest, int]) -> None:
        """See whether blobs would fit, without promising the room.

        Args:
            what: What needs them, for the error.
            wanted: Size in bytes by digest; stored and running ones cost nothing more.

        Raises:
            InsufficientStorageError: Naming need, have, and what to do.
        """
        missing = {
            digest: size
            for digest, size in wanted.items()
            if self._volume.blob_size(digest) is None and digest.hex not in self._promised
        }
        need = sum(max(0, size - self._volume.partial_size(digest)) for digest, size in missing.items())
        await self._require(what, need, keep={digest.hex for digest in missing})

    async def promise(self, digest: Digest, need: int) -> None:
        """Set room aside for a download that is about to receive ``need`` more bytes.

        Raises:
            InsufficientStorageError: Naming need, have, and what to do.
        """
        # Not taken out: without an entry others would take its file for one that nobody runs.
        self._promised[digest.hex] = 0
        await self._require(f"blob {digest}", need, keep={digest.hex})
        self._promised[digest.hex] = need

    def arrived(self, digest: Digest, count: int) -> None:
        """Count bytes as on the disk, no longer as promised."""
        if digest.hex in self._promised:
            self._promised[digest.hex] = max(0, self._promised[digest.hex] - count)

    def release(self, digest: Digest) -> None:
        """Give back what is left of a promise."""
        self._promised.pop(digest.hex, None)

    async def require(self, what: str, need: int) -> None:
        """See whether ``need`` bytes of an upload fit.

        Raises:
            InsufficientStorageError: Naming need, have, and what to do.
        """
        await self._require(what, need, keep=set())

    async def _require(self, what: str, need: int, keep: set[str]) -> None:
        # A stored model is served even on a disk that is below its floor.
        if need == 0 or self._shortage(what, need) is None:
            return
        for digest in self._volume.partial_digests():
            if digest.hex in keep or digest.hex in self._promised:
                continue
            self._volume.drop_partial(digest)
            if self._shortage(what, need) is None:
                return
        if self.make_room is not None:
            # One after the other: two that are short at once would each delete for both.
            async with self._making:
                short = self._shortage(what, need)
                if short is not None:
                    await self.make_room(short.bytes)
        # Nothing is awaited from here to the caller's promise, so the room cannot go to another.
        short = self._shortage(what, need)
        if short is not None:
            raise InsufficientStorageError(short.message)

    def _shortage(self, what: str, need: int) -> _Shortage | None:
        """What is missing, by whichever of the two limits is further off."""
        promised = sum(self._promised.values())
        running = f", of which {human_bytes(promised)} is promised to running downloads" if promised else ""
        short: _Shortage | None = None
        if self._max_bytes is not None:
            left = self._max_bytes - self._volume.blob_bytes - self._volume.partial_bytes()
            if need > left - promised:
                short = _Shortage(
                    need - (left - promised),
                    f"no room for {what}: it needs {human_bytes(need)} more, and of the model store's limit of "
                    f"{human_bytes(self._max_bytes)} (maxBytes) {human_bytes(max(0, left))} is left{running}; "
                    "what is stored is wanted, pushed or in use: raise the limit and the "
                    "store's volume",
                )
        free = self._volume.free_bytes()
        missing = need - (free - self._min_free - promised)
        if missing > 0 and (short is None or missing > short.bytes):
            message = (
                f"no room for {what}: it needs {human_bytes(need)} more, and the model store's volume has "
                f"{human_bytes(free)} free{running}, {human_bytes(self._min_free)} of it kept free "
                "(minFreeBytes); what is stored is wanted, pushed or in use: make the "
                "store's volume larger"
            )
            short = _Shortage(missing, message)
        return short
