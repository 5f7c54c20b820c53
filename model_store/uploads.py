"""Pushing models into the store, when its config allows that."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from starlette.requests import Request

from model_store.capacity import Capacity
from model_store.errors import (
    DigestMismatchError,
    InvalidRequestError,
    RangeError,
    StoreError,
    UploadUnknownError,
    volume_error,
)
from model_store.names import Digest
from model_store.volume import Volume

__all__ = ["Uploads"]

_WRITE_BYTES = 1 << 20
_IDLE_S = 3600.0
_MAX_OPEN = 256


@dataclass
class _Session:
    path: Path
    repository: str
    size: int = 0
    used: float = field(default_factory=time.monotonic)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class _WrongDigestError(DigestMismatchError):
    status = 400


class Uploads:
    """Upload sessions; they live as long as the process, as clients begin again after an error."""

    def __init__(self, volume: Volume, capacity: Capacity) -> None:
        self._volume = volume
        self._capacity = capacity
        self._sessions: dict[str, _Session] = {}

    @property
    def count(self) -> int:
        """How many are open and not given up."""
        now = time.monotonic()
        return sum(1 for session in self._sessions.values() if now - session.used <= _IDLE_S or session.lock.locked())

    def begin(self, repository: str) -> str:
        """Open a session and return its id.

        Raises:
            StoreError: When too many are open, or the volume takes no file.
        """
        now = time.monotonic()
        for name, session in list(self._sessions.items()):
            if now - session.used > _IDLE_S and not session.lock.locked():
                self.drop(name)
        if len(self._sessions) >= _MAX_OPEN:
            raise StoreError(f"{_MAX_OPEN} uploads are open; finish some, or wait an hour for idle ones to go")
        name = uuid.uuid4().hex
        path = self._volume.uploads / name
        try:
            path.touch(exist_ok=False)
        except OSError as error:
            raise volume_error("opening an upload", error) from error
        self._sessions[name] = _Session(path, repository)
        return name

    def drop(self, name: str) -> None:
        """Forget a session and its bytes."""
        session = self._sessions.pop(name, None)
        if session is not None:
            session.path.unlink(missing_ok=True)

    def _session(self, name: str, repository: str) -> _Session:
        session = self._sessions.get(name)
        if session is None or session.repository != repository:
            raise UploadUnknownError(f"there is no upload {name} to {repository}; begin again with POST")
        session.used = time.monotonic()
        return session

    def size(self, name: str, repository: str) -> int:
        """Bytes of an upload so far.

        Raises:
            UploadUnknownError: When there is no such session.
        """
        return self._session(name, repository).size

    async def append(self, name: str, repository: str, request: Request) -> int:
        """Add a request's body and return the size so far.

        Raises:
            RangeError: When Content-Range does not begin where the upload ends.
            InsufficientStorageError: When it does not fit.
            UploadUnknownError: When there is no such session.
        """
        session = self._session(name, repository)
        async with session.lock:
            start = request.headers.get("content-range", "").removeprefix("bytes ").partition("-")[0]
            if start and start != str(session.size):
                raise RangeError(f"the upload has {session.size} bytes; the next part begins there")
            length = request.headers.get("content-length", "")
            if length.isdigit():
                await self._capacity.require(f"an upload to {repository}", int(length))
            before = session.size
            try:
                session.size += await self._write(session, request)
            except OSError as error:
                self.drop(name)
                raise volume_error(f"writing an upload to {repository}", error) from error
            except BaseException:
                # A client that broke off sends this part again from its beginning.
                os.truncate(session.path, before)
                raise
            return session.size

    async def _write(self, session: _Session, request: Request) -> int:
        fd = os.open(session.path, os.O_WRONLY | os.O_CLOEXEC)
        buffer = bytearray()
        offset = session.size
        try:
            async for chunk in request.stream():
                buffer += chunk
                if len(buffer) >= _WRITE_BYTES:
                    await self._capacity.require(f"an upload to {session.repository}", len(buffer))
                    offset += await asyncio.to_thread(_write_all, fd, bytes(buffer), offset)
                    buffer.clear()
            offset += await asyncio.to_thread(_write_all, fd, bytes(buffer), offset)
        finally:
            os.close(fd)
        return offset - session.size

    async def finish(self, name: str, repository: str, digest: Digest) -> None:
        """Verify the bytes and make them a blob.

        Raises:
            DigestMismatchError: When they are not what the digest names; the session is dropped.
            UploadUnknownError: When there is no such session.
        """
        session = self._session(name, repository)
        async with session.lock:
            try:
                found = await asyncio.to_thread(self._commit, session.path, digest)
            except OSError as error:
                raise volume_error(f"storing blob {digest}", error) from error
            finally:
                self.drop(name)
        if found != digest:
            raise _WrongDigestError(f"the bytes sent have digest {found}, not {digest}; push again")

    def _commit(self, path: Path, digest: Digest) -> Digest:
        with path.open("rb") as file:
            found = Digest(hashlib.file_digest(file, "sha256").hexdigest())
            if found == digest:
                self._volume.commit_blob(path, digest, file.fileno())
        return found

    def check_blobs(self, wanted: dict[Digest, int]) -> None:
        """Refuse a manifest whose blobs are not there.

        Raises:
            InvalidRequestError: Naming those that are missing or have another size.
        """
        wrong = [str(digest) for digest, size in wanted.items() if self._volume.blob_size(digest) != size]
        if wrong:
            raise InvalidRequestError(
                f"the manifest names blobs that are not in the store at that size: {', '.join(wrong)}; push them first"
            )


def _write_all(fd: int, data: bytes, offset: int) -> int:
    view = memoryview(data)
    done = 0
    while done < len(view):
        done += os.pwrite(fd, view[done:], offset + done)
    return done
