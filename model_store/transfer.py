"""Sending a blob, or one range of it, from a finished or a growing file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from model_store.errors import StoreError, VolumeError
from model_store.growing import Download
from model_store.names import Digest
from model_store.ranges import ByteRange

__all__ = ["BlobResponse", "Transfers"]

_CHUNK_MAX, _CHUNK_MIN = 1 << 20, 64 << 10
# What all transfers together may hold in memory, whatever their number up to 1024.
_CHUNK_BUDGET = 64 << 20
# Ollama's first GET of a blob reads only the headers. Waiting this long for it to
# hang up saves sending it what fits into the socket buffers.
_HEADERS_ONLY_S = 0.05


class Transfer:
    """One response that is being sent; ``revoked`` once its file turned out to be wrong."""

    def __init__(self, digest: Digest) -> None:
        self.digest = digest
        self.revoked = False


class Transfers:
    """Which blobs are being sent, and so how large a piece each transfer may hold.

    Args:
        ended: Called with the blob of each transfer that ends.

    Attributes:
        unreadable: Called with a blob whose file gave an error; None: nobody looks.
    """

    def __init__(self, ended: Callable[[Digest], None]) -> None:
        self._running: dict[str, set[Transfer]] = {}
        self._count = 0
        self._on_end = ended
        self.unreadable: Callable[[Digest], None] | None = None

    def begin(self, digest: Digest) -> Transfer:
        """Count a transfer that begins."""
        transfer = Transfer(digest)
        self._running.setdefault(digest.hex, set()).add(transfer)
        self._count += 1
        return transfer

    def end(self, transfer: Transfer) -> None:
        """Count it as over."""
        running = self._running[transfer.digest.hex]
        running.remove(transfer)
        if not running:
            del self._running[transfer.digest.hex]
        self._count -= 1
        self._on_end(transfer.digest)

    def sends(self, digest: Digest) -> bool:
        """Whether a blob is being sent."""
        return digest.hex in self._running

    def revoke(self, digest: Digest) -> int:
        """End all transfers of a blob before their announced length, and say how many; no client keeps its bytes."""
        running = self._running.get(digest.hex, set())
        for transfer in running:
            transfer.revoked = True
        return len(running)

    @property
    def chunk(self) -> int:
        """Bytes to read at once."""
        return max(_CHUNK_MIN, min(_CHUNK_MAX, _CHUNK_BUDGET // max(1, self._count)))


class BlobResponse(Response):
    """Streams ``byte_range`` of a file; owns ``fd`` and closes it.

    When the download behind a growing file fails, the connection is closed
    before the announced length is reached, so no client can take it for whole.
    """

    def __init__(
        self,
        fd: int,
        digest: Digest,
        byte_range: ByteRange,
        *,
        status: int,
        headers: Mapping[str, str],
        transfers: Transfers,
        download: Download | None = None,
        may_hang_up: bool = False,
    ) -> None:
        super().__init__(status_code=status, headers={**headers, "content-length": str(byte_range.length)})
        self._fd = fd
        self._digest = digest
        self._range = byte_range
        self._transfers = transfers
        self._download = download
        self._may_hang_up = may_hang_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and stop when the client goes away."""
        transfer = self._transfers.begin(self._digest)
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            gone = asyncio.Event()
            async with anyio.create_task_group() as group:

                async def watch() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    gone.set()
                    group.cancel_scope.cancel()

                group.start_soon(watch)
                if self._may_hang_up:
                    await anyio.sleep(_HEADERS_ONLY_S)
                await self._stream(send, transfer)
                group.cancel_scope.cancel()
        except* StoreError as errors:
            # Returning early makes the server close the connection.
            scope["model_store"]["failure"] = str(errors.exceptions[0])
        except* OSError as errors:
            scope["model_store"]["failure"] = f"reading the volume failed: {errors.exceptions[0]}"
        finally:
            self._transfers.end(transfer)
            os.close(self._fd)

    async def _stream(self, send: Send, transfer: Transfer) -> None:
        offset, stop = self._range.start, self._range.stop
        while offset < stop:
            readable = stop if self._download is None else await self._download.wait_past(offset)
            count = min(self._transfers.chunk, min(readable, stop) - offset)
            piece = await self._read(count, offset)
            if transfer.revoked:
                raise VolumeError(f"blob {self._digest} has changed on the volume; it is dropped, pull again")
            offset += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": offset < stop})
        if self._range.length == 0:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _read(self, count: int, offset: int) -> bytes:
        try:
            return await anyio.to_thread.run_sync(_read_some, self._fd, count, offset)
        except OSError:
            if self._transfers.unreadable is not None:
                self._transfers.unreadable(self._digest)
            raise


def _read_some(fd: int, count: int, offset: int) -> bytes:
    piece = os.pread(fd, count, offset)
    if not piece:
        raise OSError(f"the file ends at {offset}")
    return piece
