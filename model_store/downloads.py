"""Each blob from upstream once: joined by all who want it, resumed after a break, verified before it is kept."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from http import HTTPStatus

import httpx

from model_store.capacity import Capacity
from model_store.config import UpstreamConfig
from model_store.credentials import shown_to
from model_store.errors import (
    Attempt,
    BlobUnknownError,
    DigestMismatchError,
    StoppingError,
    StoreError,
    UpstreamFailedError,
    verdict,
    volume_error,
)
from model_store.failing import Failing
from model_store.growing import Download
from model_store.logs import event
from model_store.metrics import Metrics
from model_store.names import Digest
from model_store.ranges import parse_content_range
from model_store.singleflight import SingleFlight
from model_store.upstream import EndpointFailedError, Upstream
from model_store.volume import Volume

__all__ = ["Downloads"]

_WRITE_BYTES = 1 << 20
# Longest that a byte waits in memory: readers follow a slow upstream, and Ollama
# gives a part up after 30 s without one.
_WRITE_AFTER_S = 0.25
# Rounds over all endpoints in a row that bring no byte, before and after the first byte.
_ROUNDS_BEFORE, _ROUNDS_AFTER = 3, 6
_BACKOFF_BASE_S, _BACKOFF_MAX_S = 0.3, 8.0
# An endpoint that sent wrong bytes for a blob is left out for that blob this long.
_DISTRUST_S = 30.0


class Downloads:
    """Runs the downloads. They belong to no client: one that goes away ends nothing.

    Attributes:
        failing: Blobs that could not be had lately.
    """

    def __init__(self, volume: Volume, capacity: Capacity, upstream: Upstream, metrics: Metrics) -> None:
        self._volume = volume
        self._capacity = capacity
        self._upstream = upstream
        self._metrics = metrics
        self._running: dict[str, Download] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._sizes: SingleFlight[tuple[str, str], int] = SingleFlight()
        self._distrusted: dict[tuple[str, str], float] = {}
        self.failing = Failing()

    @property
    def count(self) -> int:
        """How many run."""
        return len(self._running)

    def running(self, digest: Digest) -> Download | None:
        """The running download of a blob."""
        return self._running.get(digest.hex)

    def expect(self, blobs: Iterable[Digest]) -> None:
        """Refuse what needs blobs that lately could not be had.

        Args:
            blobs: What is needed; those that are stored or on their way are all right.

        Raises:
            StoreError: One of them failed again and again, and how.
        """
        self.failing.check(
            digest for digest in blobs if self.running(digest) is None and self._volume.blob_size(digest) is None
        )

    def join(
        self, upstream: UpstreamConfig, repository: str, digest: Digest, user_agent: str | None = None
    ) -> Download:
        """Join the running download of a blob that is not stored, or begin it.

        Args:
            upstream: Whose.
            repository: For example ``library/smollm2``.
            digest: Of the blob.
            user_agent: Of the client that asks first: some registries answer Ollama otherwise than others.

        Raises:
            BlobUnknownError: When the upstream has no endpoint: its blobs are on the volume or nowhere.
            StoreError: When the volume takes no file.
        """
        download = self._running.get(digest.hex)
        if download is None:
            if not upstream.endpoints:
                raise _nowhere(upstream, repository, digest)
            try:
                download = Download(self._volume, digest)
            except OSError as error:
                raise volume_error(f"opening the download of blob {digest}", error) from error
            self._running[digest.hex] = download
            task = asyncio.create_task(self._run(download, upstream, repository, user_agent))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        return download

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            event("download_fault", level=logging.ERROR, cause=repr(error))

    async def close(self) -> None:
        """Stop all; what they have stays on the volume for the next start."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sizes.close()

    async def size(
        self, upstream: UpstreamConfig, repository: str, digest: Digest, user_agent: str | None = None
    ) -> int:
        """The size of a blob that is neither stored nor running, from upstream, without downloading it.

        Raises:
            StoreError: When no endpoint gives it.
        """
        if not upstream.endpoints:
            raise _nowhere(upstream, repository, digest)
        key = (upstream.alias, str(digest))
        return await self._sizes.do(key, lambda: self._ask_size(upstream, repository, digest, user_agent))

    async def _ask_size(self, upstream: UpstreamConfig, repository: str, digest: Digest, user_agent: str | None) -> int:
        attempts: list[Attempt] = []
        for endpoint in upstream.endpoints:
            try:
                async with self._upstream.request(
                    "HEAD",
                    endpoint,
                    repository,
                    kind="blobs",
                    reference=str(digest),
                    headers=_agent(user_agent),
                    credentials=shown_to(upstream, endpoint),
                ) as answer:
                    if answer.status_code != HTTPStatus.OK:
                        raise await self._upstream.refusal(endpoint, answer)
                    return _content_length(endpoint, answer)
            except EndpointFailedError as error:
                attempts.append(error.attempt)
        raise verdict(f"blob {digest} of {repository}", attempts, BlobUnknownError)

    async def _run(self, download: Download, upstream: UpstreamConfig, repository: str, user_agent: str | None) -> None:
        digest, began = download.digest, time.monotonic()
        outcome = "internal"
        try:
            await asyncio.to_thread(download.load)
            resumed = download.have
            self._metrics.downloads_started.labels("yes" if resumed else "no").inc()
            event("download_started", digest=str(digest), repository=repository, resumed_at=resumed)
            await self._complete(download, upstream, repository, user_agent)
            outcome = "stored"
            self.failing.came(digest)
        except StoreError as error:
            outcome = error.reason
            # An endpoint that is left out for a moment was not asked again: that is no further failure.
            left_out = any(self._distrusts(endpoint, digest) for endpoint in upstream.endpoints)
            if isinstance(error, DigestMismatchError) or (isinstance(error, UpstreamFailedError) and not left_out):
                self.failing.failed(digest, error)
            download.fail(error)
        except OSError as error:
            self._volume.drop_partial(digest)
            fault = volume_error(f"writing blob {digest}", error)
            outcome = fault.reason
            download.fail(fault)
        except asyncio.CancelledError:
            outcome = "stopping"
            download.fail(StoppingError("the model store is being restarted; pull again"))
            raise
        finally:
            # Without this a fault in our own code would leave the readers waiting for ever.
            download.fail(StoreError(f"the download of blob {digest} ended by a fault; see the store's log"))
            del self._running[digest.hex]
            self._capacity.release(digest)
            os.close(download.fd)
            download.ended.set()
            if outcome != "stored" and not download.have:
                self._volume.drop_partial(digest)
            if outcome != "stored":
                self._metrics.failures.labels(outcome).inc()
            event(
                "download_ended",
                level=logging.INFO if outcome == "stored" else logging.WARNING,
                digest=str(digest),
                repository=repository,
                outcome=outcome,
                bytes=download.received,
                total=download.total,
                seconds=round(time.monotonic() - began, 2),
                **({"cause": download.error.message} if download.error is not None else {}),
            )

    async def _complete(
        self, download: Download, upstream: UpstreamConfig, repository: str, user_agent: str | None
    ) -> None:
        # A kill between the last byte and the rename leaves a whole blob: no upstream is needed for it.
        whole = download.have > 0 and download.matches
        if whole:
            download.total = download.have
        else:
            used = await self._fill(download, upstream, repository, _agent(user_agent))
            if not download.matches:
                await self._reject(download, used)
        # From here the last bytes may go out: syncing a large blob can take longer than clients wait.
        download.verified = True
        download.notify()
        try:
            await asyncio.to_thread(self._volume.commit_blob, download.path, download.digest, download.fd)
        except OSError as error:
            raise volume_error(f"syncing blob {download.digest}", error) from error

    async def _reject(self, download: Download, used: set[str]) -> None:
        digest, found = download.digest, download.found
        await asyncio.to_thread(self._volume.drop_partial, digest)
        if download.received == download.total and len(used) == 1:
            # All bytes are from one endpoint, so it is the one that is wrong.
            now = time.monotonic()
            self._distrusted = {k: until for k, until in self._distrusted.items() if until > now}
            self._distrusted[next(iter(used)), digest.hex] = now + _DISTRUST_S
        raise DigestMismatchError(
            f"blob {digest} came from {', '.join(sorted(used)) or 'an earlier run'} with digest {found}; "
            "it is deleted and not served; pull again, and check that upstream if it stays so"
        )

    def _distrusts(self, endpoint: str, digest: Digest) -> bool:
        return time.monotonic() < self._distrusted.get((endpoint, digest.hex), 0.0)

    async def _fill(
        self, download: Download, upstream: UpstreamConfig, repository: str, headers: Mapping[str, str]
    ) -> set[str]:
        """Bring the missing bytes, from whichever endpoint has them; returns those used."""
        used: set[str] = set()
        barren = 0
        while True:
            attempts: list[Attempt] = []
            before = download.received
            for endpoint in upstream.endpoints:
                if self._distrusts(endpoint, download.digest):
                    attempts.append(Attempt(endpoint, "sent wrong bytes for this blob a moment ago"))
                    continue
                came = download.received
                try:
                    await self._fetch(download, upstream, endpoint, repository, headers)
                except EndpointFailedError as error:
                    attempts.append(error.attempt)
                    event("endpoint_failed", digest=str(download.digest), endpoint=endpoint, cause=str(error))
                finally:
                    if download.received > came:
                        used.add(endpoint)
                if download.total is not None and download.have == download.total:
                    return used
            barren = 0 if download.received > before else barren + 1
            failure = verdict(f"blob {download.digest} of {repository}", attempts, BlobUnknownError)
            if barren and attempts[-1].answered:
                raise failure
            if barren >= (_ROUNDS_AFTER if download.received else _ROUNDS_BEFORE):
                raise failure
            pause = min(_BACKOFF_MAX_S, _BACKOFF_BASE_S * 2**barren)
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  jitter

    async def _fetch(
        self,
        download: Download,
        upstream: UpstreamConfig,
        endpoint: str,
        repository: str,
        headers: Mapping[str, str],
    ) -> None:
        wanted = {**headers, "Range": f"bytes={download.have}-"} if download.have else headers
        digest = download.digest
        async with self._upstream.request(
            "GET",
            endpoint,
            repository,
            kind="blobs",
            reference=str(digest),
            headers=wanted,
            credentials=shown_to(upstream, endpoint),
        ) as answer:
            total, skip = await self._begin(download, endpoint, answer)
            await self._capacity.promise(digest, total - download.have)
            # Only now: once the size is known, those who wait get their response's head.
            download.total = total
            download.notify()
            buffer: list[bytes] = []
            size, due = 0, time.monotonic() + _WRITE_AFTER_S
            try:
                async for chunk in self._body(endpoint, answer, skip):
                    buffer.append(chunk)
                    size += len(chunk)
                    if download.have + size > total:
                        buffer.clear()
                        raise EndpointFailedError(Attempt(endpoint, "sent more bytes than it announced"))
                    if size >= _WRITE_BYTES or time.monotonic() >= due:
                        await self._write(download, buffer)
                        size, due = 0, time.monotonic() + _WRITE_AFTER_S
            finally:
                # What came before a break is kept: only the rest is asked for again.
                if buffer:
                    await self._write(download, buffer)
        if download.have != download.total:
            raise EndpointFailedError(Attempt(endpoint, f"ended after {download.have} of {download.total} bytes"))

    async def _body(self, endpoint: str, answer: httpx.Response, skip: int) -> AsyncIterator[bytes]:
        async for chunk in answer.aiter_raw():
            self._upstream.received(endpoint, len(chunk))
            if skip >= len(chunk):
                skip -= len(chunk)
                continue
            yield chunk[skip:]
            skip = 0

    async def _write(self, download: Download, buffer: list[bytes]) -> None:
        written = await asyncio.to_thread(download.append, buffer)
        buffer.clear()
        download.have += written
        download.received += written
        self._capacity.arrived(download.digest, written)
        download.notify()

    async def _begin(self, download: Download, endpoint: str, answer: httpx.Response) -> tuple[int, int]:
        """Check a response's head; returns the blob's size and how many bytes to skip, being there already."""
        have = download.have
        skip = 0
        match answer.status_code:
            case 200:
                # It ignores ranges; its first bytes are the ones that were read before.
                total, skip = _content_length(endpoint, answer), have
            case 206:
                content_range = parse_content_range(answer.headers.get("content-range"))
                if content_range is None or content_range[0] != have:
                    raise EndpointFailedError(Attempt(endpoint, "answered with another range than asked"))
                total = content_range[1]
            case 416 if have and download.total is None:
                await asyncio.to_thread(download.restart)
                raise EndpointFailedError(Attempt(endpoint, "has fewer bytes than an earlier download left"))
            case _:
                raise await self._upstream.refusal(endpoint, answer)
        if download.total is None and have > total:
            await asyncio.to_thread(download.restart)
            raise EndpointFailedError(Attempt(endpoint, "has fewer bytes than an earlier download left"))
        if download.total is not None and download.total != total:
            reason = f"says the blob has {total} bytes; {download.total} were announced before"
            raise EndpointFailedError(Attempt(endpoint, reason))
        return total, skip


def _agent(user_agent: str | None) -> dict[str, str]:
    return {} if user_agent is None else {"User-Agent": user_agent}


def _nowhere(upstream: UpstreamConfig, repository: str, digest: Digest) -> BlobUnknownError:
    return BlobUnknownError(
        f"blob {digest} of {upstream.host}/{repository} is not in the store, and nowhere else: push it again"
    )


def _content_length(endpoint: str, answer: httpx.Response) -> int:
    with suppress(ValueError):
        length = int(answer.headers.get("content-length", ""))
        if length >= 0:
            return length
    raise EndpointFailedError(Attempt(endpoint, "did not say how long the blob is"))
