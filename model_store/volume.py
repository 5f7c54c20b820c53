"""The files on the volume, and the order of writes that makes a kill harmless.

Layout below the root::

    blobs/sha256/<hex>                       verified; appears by rename only
    partial/<hex>                            a download so far; its length is how far
    uploads/<id>                             an upload so far; dropped at start
    trash/<hex>.<id>                         a blob that is being deleted; dropped at start
    manifests/sha256/<hex>                   a manifest's exact bytes
    refs/<alias>/<repository>/@tags/<tag>    JSON: digest, mediaType, pushed
    refs/<alias>/<repository>/@digests/<hex> JSON: mediaType
    state/scrub.json                         how far the scrub is
    lock                                     held while a store runs

``@`` is in no repository's grammar, so the folders cannot be taken for parts of a name.

When a model was last used is the time of its refs' files; when its manifest was last handed out is the time of the
manifest's file. Both are set without a write to the file, and outlive a restart.

A model is deleted from the top: refs, then the manifest, then blobs. Whatever a kill leaves undone is then referred to
by nothing, and goes with the next collection.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from model_store.errors import VolumeError
from model_store.names import Digest

__all__ = ["Volume", "VolumeInUseError", "fsync_dir", "is_temporary"]

# A partial this old belongs to a model that nobody waits for any more.
_PARTIAL_MAX_AGE_S = 7 * 24 * 3600.0
# What `write_atomic` leaves when it is killed. A tag may well end in `.new`.
_TEMPORARY = re.compile(r".+\.[0-9a-f]{32}\.new")


def is_temporary(name: str) -> bool:
    """Whether a file's name is one of `Volume.write_atomic`, before its rename."""
    return _TEMPORARY.fullmatch(name) is not None


class VolumeInUseError(Exception):
    """Another store process holds the volume."""


def fsync_dir(path: Path) -> None:
    """Make a rename or an unlink in a folder last."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@dataclass(frozen=True)
class Recovered:
    """What a start found and dropped."""

    blobs: int
    blob_bytes: int
    partials: int
    partial_bytes: int
    dropped: int


class Volume:
    """Paths, atomic writes and sizes. Blocking; call from threads where it matters."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.blobs = root / "blobs" / "sha256"
        self.partials = root / "partial"
        self.uploads = root / "uploads"
        self.trash = root / "trash"
        self.manifests = root / "manifests" / "sha256"
        self.refs = root / "refs"
        self.state = root / "state"
        self._sizes: dict[str, int] = {}
        self._total = 0
        self._lock_fd = -1

    def open(self, *, lock_wait_s: float = 0.0) -> Recovered:
        """Take the volume and clear what a kill left.

        Raises:
            VolumeInUseError: When another store still holds it after ``lock_wait_s``: two
                would write the same partial.
            OSError: When it cannot be written.
        """
        for folder in (
            self.blobs, self.partials, self.uploads, self.trash, self.manifests, self.refs, self.state,
        ):  # fmt: skip
            folder.mkdir(parents=True, exist_ok=True)
        self._take_lock(lock_wait_s)
        dropped = 0
        for path in [*self.uploads.iterdir(), *self.trash.iterdir()]:
            path.unlink()
            dropped += 1
        for folder in (self.manifests, self.refs, self.state):
            for path in folder.rglob("*.new"):
                if is_temporary(path.name):
                    path.unlink()
                    dropped += 1
        self._sizes = {p.name: p.stat().st_size for p in self.blobs.iterdir()}
        self._total = sum(self._sizes.values())
        oldest = time.time() - _PARTIAL_MAX_AGE_S
        kept = 0
        for path in self.partials.iterdir():
            if path.name in self._sizes or path.stat().st_mtime < oldest:
                path.unlink()
                dropped += 1
            else:
                kept += 1
        return Recovered(len(self._sizes), self._total, kept, self.partial_bytes(), dropped)

    def close(self) -> None:
        """Give the volume back."""
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _take_lock(self, wait_s: float) -> None:
        fd = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        deadline = time.monotonic() + wait_s
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    os.close(fd)
                    raise VolumeInUseError(
                        f"another model store holds {self.root}; one volume serves one store: "
                        "let the old pod end first (strategy Recreate), or give this one its own volume"
                    ) from None
                time.sleep(0.2)
            else:
                self._lock_fd = fd
                return

    def blob_size(self, digest: Digest) -> int | None:
        """Bytes of a verified blob, or None."""
        return self._sizes.get(digest.hex)

    def open_blob(self, digest: Digest) -> int:
        """A descriptor on a verified blob, for the caller to close.

        Raises:
            VolumeError: When the file is gone behind the store's back.
        """
        try:
            return os.open(self.blobs / digest.hex, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            self._total -= self._sizes.pop(digest.hex, 0)
            raise VolumeError(f"blob {digest} cannot be read from the volume: {error}; pull again") from error

    def discard_blob(self, digest: Digest) -> Path | None:
        """Take a blob out of service at once, and say where its file waits to be unlinked.

        The rename takes no time, whatever the size, and frees the name: a download of the same blob may end before
        the old file is gone.

        Returns:
            None when there was no file.

        Raises:
            OSError: From the volume; the blob is then still there.
        """
        path = self.trash / f"{digest.hex}.{uuid.uuid4().hex}"
        try:
            (self.blobs / digest.hex).rename(path)
        except FileNotFoundError:
            path = None
        self._total -= self._sizes.pop(digest.hex, 0)
        return path

    def unlink_all(self, paths: Iterable[Path]) -> None:
        """Delete files and make that last, before anything below them is deleted.

        Raises:
            OSError: From the volume.
        """
        folders: set[Path] = set()
        for path in paths:
            path.unlink(missing_ok=True)
            folders.add(path.parent)
        for folder in folders:
            fsync_dir(folder)

    def blob_digests(self) -> list[Digest]:
        """All verified blobs, in the order of their digests."""
        return [Digest(name) for name in sorted(self._sizes)]

    @property
    def blob_count(self) -> int:
        """How many verified blobs."""
        return len(self._sizes)

    @property
    def blob_bytes(self) -> int:
        """Bytes of all verified blobs."""
        return self._total

    def partial_path(self, digest: Digest) -> Path:
        """Where a download grows."""
        return self.partials / digest.hex

    def partial_size(self, digest: Digest) -> int:
        """Bytes that an unfinished download has."""
        try:
            return self.partial_path(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def partial_bytes(self) -> int:
        """Bytes of all unfinished downloads and uploads."""
        total = 0
        for folder in (self.partials, self.uploads):
            with os.scandir(folder) as entries:
                for entry in entries:
                    try:
                        total += entry.stat().st_size
                    except FileNotFoundError:
                        continue
        return total

    def partial_digests(self) -> list[Digest]:
        """Unfinished downloads, oldest first."""
        found: list[tuple[float, str]] = []
        for path in self.partials.iterdir():
            try:
                found.append((path.stat().st_mtime, path.name))
            except FileNotFoundError:
                continue
        return [Digest(name) for _, name in sorted(found)]

    def drop_partial(self, digest: Digest) -> None:
        """Delete an unfinished download."""
        self.partial_path(digest).unlink(missing_ok=True)

    def commit_blob(self, source: Path, digest: Digest, fd: int) -> None:
        """Turn a file whose digest was checked into a blob: sync, rename, sync the folder.

        Raises:
            OSError: From the volume; the file is then still where it was.
        """
        size = os.fstat(fd).st_size
        os.fsync(fd)
        source.rename(self.blobs / digest.hex)
        fsync_dir(self.blobs)
        if digest.hex not in self._sizes:
            self._total += size
        self._sizes[digest.hex] = size

    def write_atomic(self, path: Path, data: bytes) -> None:
        """Replace a small file: a reader, or a start after a kill, sees the old or the new, whole."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.new")
        try:
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        fsync_dir(path.parent)

    def size_bytes(self) -> int:
        """Size of the disk."""
        return shutil.disk_usage(self.root).total

    def free_bytes(self) -> int:
        """What the disk still takes."""
        return shutil.disk_usage(self.root).free

    def check_writable(self) -> None:
        """Write, sync and delete a file.

        Raises:
            OSError: When the volume does not take it.
        """
        probe = self.uploads / f"probe.{uuid.uuid4().hex}"
        try:
            with probe.open("xb") as file:
                file.write(b"ok")
                file.flush()
                os.fsync(file.fileno())
        finally:
            probe.unlink(missing_ok=True)
