"""A root file system in memory, and the one tar archive that it always becomes."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Literal, cast

# Debian 12 has these folders in /usr and links in their old places. Packages
# still ship files under the old names, which would otherwise replace the links.
_MERGED = ("bin", "sbin", "lib", "lib32", "lib64")


@dataclass(frozen=True)
class Entry:
    """One file, folder or symbolic link."""

    kind: Literal["dir", "file", "link"]
    mode: int
    content: bytes | Path = b""
    target: str = ""


@dataclass(frozen=True)
class Written:
    """A layer's archive on disk."""

    path: Path
    digest: str
    """``sha256:<hex>`` of the archive, which is also its DiffID as it is not compressed."""
    size: int
    """Bytes."""


@dataclass
class Tree:
    """Paths (without the leading slash) and what stands there; folders above a path need not be named."""

    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])

    def add_file(self, path: str, content: bytes | Path, mode: int = 0o644) -> None:
        """Put a file, from memory or from a file on disk that stays until the archive is written."""
        self.entries[normal(path)] = Entry("file", mode & 0o755, content)

    def add_link(self, path: str, target: str) -> None:
        """Put a symbolic link."""
        self.entries[normal(path)] = Entry("link", 0o777, target=target)

    def add_dir(self, path: str, mode: int = 0o755) -> None:
        """Put a folder with a mode of its own."""
        self.entries[normal(path)] = Entry("dir", mode)

    def add_merged_usr(self) -> None:
        """Put the links that stand where old paths like ``/bin`` and ``/lib64`` were."""
        for name in ("bin", "sbin", "lib", "lib64"):
            self.entries[name] = Entry("link", 0o777, target=f"usr/{name}")
            self.entries.setdefault(f"usr/{name}", Entry("dir", 0o755))

    def add_folder(self, folder: Path, prefix: str, *, without: Iterable[str] = ()) -> None:
        """Put all files and links under a folder on disk; ``without`` holds globs of paths in the image."""
        patterns = tuple(without)
        for path in sorted(folder.rglob("*")):
            inside = normal(f"{prefix}/{path.relative_to(folder).as_posix()}")
            if _excluded(inside, patterns):
                continue
            if path.is_symlink():
                self.add_link(inside, str(path.readlink()))
            elif path.is_file():
                self.add_file(inside, path, 0o755 if path.stat().st_mode & 0o100 else 0o644)

    def add_tar(self, stream: BinaryIO, *, without: Iterable[str] = ()) -> None:
        """Put the contents of a tar archive, as a Debian package holds it.

        Owners, times and set-uid bits are dropped; hard links become copies.

        Raises:
            ValueError: The archive holds a device or another thing that an image must not have.
        """
        patterns = tuple(without)
        with tarfile.open(fileobj=stream, mode="r|") as archive:
            for member in archive:
                path = normal(member.name)
                if path == "" or _excluded(path, patterns):
                    continue
                if member.isdir():
                    if path not in _MERGED:
                        self.entries.setdefault(path, Entry("dir", member.mode & 0o755))
                elif member.issym():
                    self.add_link(path, member.linkname)
                elif member.islnk():
                    self.entries[path] = self.entries[normal(member.linkname)]
                elif member.isfile():
                    content = cast("io.BufferedReader", archive.extractfile(member)).read()
                    self.add_file(path, content, member.mode)
                else:
                    raise ValueError(f"/{path} is neither a file, a folder nor a link")

    def write(self, path: Path) -> Written:
        """Write the archive: the same entries always give the same bytes.

        Sorted paths, no times, owner root, and no compression, whose output
        depends on the version of zlib and whose time buys nothing on loopback.
        """
        with path.open("wb") as out, tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as archive:
            for name, entry in sorted(_with_parents(self.entries).items()):
                _add(archive, name, entry)
        with path.open("rb") as written:
            digest = hashlib.file_digest(written, "sha256").hexdigest()
        return Written(path, f"sha256:{digest}", path.stat().st_size)

    def extract(self, folder: Path) -> None:
        """Put the tree into a folder on disk, as the present user."""
        for name, entry in sorted(_with_parents(self.entries).items()):
            place = folder / name
            if entry.kind == "dir":
                place.mkdir(parents=True, exist_ok=True)
            elif entry.kind == "link":
                place.symlink_to(entry.target)
            else:
                place.write_bytes(_content(entry))
                place.chmod(entry.mode)


def normal(path: str) -> str:
    """A path without its leading ``./`` or ``/``, and below ``usr/`` where Debian 12 has it now.

    Raises:
        ValueError: The path leaves the tree by ``..``.
    """
    parts = [part for part in PurePosixPath(path).parts if part not in {"/", "."}]
    if ".." in parts:
        raise ValueError(f"{path!r} leaves the image's root")
    if len(parts) > 1 and parts[0] in _MERGED:
        parts.insert(0, "usr")
    return "/".join(parts)


def _excluded(path: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _with_parents(entries: dict[str, Entry]) -> dict[str, Entry]:
    complete = dict(entries)
    for name in entries:
        for parent in PurePosixPath(name).parents:
            if str(parent) != ".":
                complete.setdefault(str(parent), Entry("dir", 0o755))
    return complete


def _content(entry: Entry) -> bytes:
    return entry.content.read_bytes() if isinstance(entry.content, Path) else entry.content


def _add(archive: tarfile.TarFile, name: str, entry: Entry) -> None:
    info = tarfile.TarInfo(name)
    info.mode = entry.mode
    if entry.kind == "dir":
        info.type = tarfile.DIRTYPE
        archive.addfile(info)
    elif entry.kind == "link":
        info.type = tarfile.SYMTYPE
        info.linkname = entry.target
        archive.addfile(info)
    elif isinstance(entry.content, Path):
        info.size = entry.content.stat().st_size
        with entry.content.open("rb") as source:
            archive.addfile(info, source)
    else:
        info.size = len(entry.content)
        archive.addfile(info, io.BytesIO(entry.content))
