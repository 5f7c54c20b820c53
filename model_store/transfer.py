"""Sending a blob, or one range of it, from a finished or a growing file."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from model_store.errors import StoreError
from model_store.growing import Download
from model_store.ranges import ByteRange

__all__ = ["BlobResponse", "Transfers"]

_CHUNK_MAX, _CHUNK_MIN = 1 << 20, 64 << 10
# What all transfers together may hold in memory, whatever their number up to 1024.
_CHUNK_BUDGET = 64 << 20
# Ollama's first GET of a blob reads only the headers. Waiting this long for it to
# hang up saves sending it what fits into the socket buffers.
_HEADERS_ONLY_S = 0.05


class Transfers:
    """How many transfers run, and so how large a piece each may hold."""

    def __init__(self) -> None:
        self.running = 0

    @property
    def chunk(self) -> int:
        """Bytes to read at once."""
        return max(_CHUNK_MIN, min(_CHUNK_MAX, _CHUNK_BUDGET // max(1, self.running)))


class BlobResponse(Response):
    """Streams ``byte_range`` of a file; owns ``fd`` and closes it.

    When the download behind a growing file fails, the connection is closed
    before the announced length is reached, so no client can take it for whole.
    """

    def __init__(
        self,
        fd: int,
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
        self._range = byte_range
        self._transfers = transfers
        self._download = download
        self._may_hang_up = may_hang_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and stop when the client goes away."""
        self._transfers.running += 1
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
                await self._stream(send)
                group.cancel_scope.cancel()
        except* StoreError as errors:
            # Returning early makes the server close the connection.
            scope["model_store"]["failure"] = str(errors.exceptions[0])
        except* OSError as errors:
            scope["model_store"]["failure"] = f"reading the volume failed: {errors.exceptions[0]}"
        finally:
            self._transfers.running -= 1
            os.close(self._fd)

    async def _stream(self, send: Send) -> None:
        offset, stop = self._range.start, self._range.stop
        while offset < stop:
            readable = stop if self._download is None else await self._download.wait_past(offset)
            count = min(self._transfers.chunk, min(readable, stop) - offset)
            piece = await anyio.to_thread.run_sync(os.pread, self._fd, count, offset)
            if not piece:
                raise OSError(f"the file ends at {offset}, before {stop}")
            offset += len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": offset < stop})
        if self._range.length == 0:
            await send({"type": "http.response.body", "body": b"", "more_body": False})
