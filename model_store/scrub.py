"""Hashing blobs again, slowly, for ever: a disk may change bytes that were right when they were written."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import time
from typing import Any, cast

from model_store.logs import event
from model_store.metrics import Metrics
from model_store.names import Digest
from model_store.transfer import Transfers
from model_store.volume import Volume

__all__ = ["Scrub"]

_CHUNK = 1 << 20
_RECORD_STEP_S = 60.0
_RETRY_S = 60.0


class Scrub:
    """One pass over all blobs each ``every_s``; where it is outlives a restart.

    A blob that is wrong is taken out of service, transfers of it are cut off, and the next pull fetches it again.
    """

    def __init__(
        self, volume: Volume, transfers: Transfers, metrics: Metrics, *, every_s: float, bytes_per_s: int
    ) -> None:
        """Prepare a scrub.

        Args:
            volume: Whose blobs.
            transfers: Those to cut off.
            metrics: Told of bytes read and blobs dropped.
            every_s: From the beginning of a pass to that of the next; 0: only blobs that are suspected.
            bytes_per_s: How fast to read at most.
        """
        self._volume = volume
        self._transfers = transfers
        self._metrics = metrics
        self._every_s = every_s
        self._rate = bytes_per_s
        self._suspects: set[str] = set()
        self._woken = asyncio.Event()
        self._record = volume.state / "scrub.json"
        transfers.unreadable = self.suspect

    def suspect(self, digest: Digest) -> None:
        """Have a blob looked at soon: reading it failed."""
        self._suspects.add(digest.hex)
        self._woken.set()

    async def run(self) -> None:
        """Scrub for ever."""
        while True:
            try:
                pause = await self._pass() if self._every_s else None
            except OSError as error:
                event("scrub_failed", level=logging.ERROR, cause=str(error))
                pause = _RETRY_S
            await self._rest(pause)

    async def _rest(self, pause: float | None) -> None:
        end = None if pause is None else time.monotonic() + pause
        while end is None or time.monotonic() < end:
            try:
                async with asyncio.timeout(None if end is None else max(0.0, end - time.monotonic())):
                    await self._woken.wait()
            except TimeoutError:
                return
            self._woken.clear()
            await self._look_at_suspects()

    async def _look_at_suspects(self) -> None:
        while self._suspects:
            await self.check(Digest(self._suspects.pop()))

    async def _pass(self) -> float:
        """Go on with the pass that is due, if one is; returns seconds until the next."""
        began, after, ended = await asyncio.to_thread(self._load)
        now = time.time()
        # A clock that was set back must not put the next pass off for years.
        if ended is not None and 0 <= now - began < self._every_s:
            self._metrics.scrub_ended.set(ended)
            return self._every_s - (now - began)
        if ended is not None or not after:
            began, after = now, ""
        noted = time.monotonic()
        for digest in [one for one in self._volume.blob_digests() if one.hex > after]:
            await self._look_at_suspects()
            await self.check(digest)
            if time.monotonic() - noted >= _RECORD_STEP_S:
                await asyncio.to_thread(self._save, began, digest.hex, None)
                noted = time.monotonic()
        ended = time.time()
        await asyncio.to_thread(self._save, began, "", ended)
        self._metrics.scrub_ended.set(ended)
        return max(0.0, self._every_s - (ended - began))

    def _load(self) -> tuple[float, str, float | None]:
        try:
            record = cast("dict[str, Any]", json.loads(self._record.read_bytes()))
            ended = record["ended"]
            return float(record["began"]), str(record["after"]), None if ended is None else float(ended)
        except FileNotFoundError:
            return 0.0, "", None
        except (ValueError, KeyError, TypeError) as error:
            event("scrub_record_unreadable", cause=str(error), effect="a new pass begins")
            return 0.0, "", None

    def _save(self, began: float, after: str, ended: float | None) -> None:
        self._volume.write_atomic(self._record, json.dumps({"began": began, "after": after, "ended": ended}).encode())

    async def check(self, digest: Digest) -> bool:
        """Hash one blob, and drop it if it is wrong; says whether it stays.

        Raises:
            OSError: When dropping it fails.
        """
        try:
            fd = os.open(self._volume.blobs / digest.hex, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            cause = await self._fault(fd, digest)
            if cause is None:
                return True
            same = await asyncio.to_thread(self._is_still, fd, digest)
        finally:
            os.close(fd)
        if not same:
            # It was deleted, and perhaps downloaded anew, while it was being read.
            return self._volume.blob_size(digest) is not None
        path = self._volume.discard_blob(digest)
        cut = self._transfers.revoke(digest)
        self._metrics.scrub_bad.inc()
        event(
            "scrub_bad_blob",
            level=logging.ERROR,
            digest=str(digest),
            cause=cause,
            transfers_cut=cut,
            effect="it is dropped; the next pull fetches it again (a pushed model must be pushed again)",
        )
        if path is not None:
            await asyncio.to_thread(path.unlink)
        return False

    async def _fault(self, fd: int, digest: Digest) -> str | None:
        """What is wrong with a blob's bytes, or None."""
        seen = hashlib.sha256()
        offset, began = 0, time.monotonic()
        try:
            while piece := await asyncio.to_thread(os.pread, fd, _CHUNK, offset):
                await asyncio.to_thread(seen.update, piece)
                offset += len(piece)
                self._metrics.scrubbed_bytes.inc(len(piece))
                early = offset / self._rate - (time.monotonic() - began)
                if early > 0:
                    await asyncio.sleep(early)
            # Else a pass would fill the page cache with what nobody asks for.
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        except OSError as error:
            return f"it cannot be read: {error}"
        found = seen.hexdigest()
        return None if found == digest.hex else f"its bytes have digest sha256:{found}"

    def _is_still(self, fd: int, digest: Digest) -> bool:
        try:
            there = (self._volume.blobs / digest.hex).stat()
        except FileNotFoundError:
            return False
        return there.st_ino == os.fstat(fd).st_ino
