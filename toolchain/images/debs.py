"""Debian packages for images: found and fetched by apt, with a state of its own, and read without unpacking.

apt runs on an empty list of installed packages, so it plans for an empty
system whatever this machine has installed, and it writes only below the cache.
It verifies every file against the archive's signed lists.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import json
import os
import re
import subprocess
import tempfile
import urllib.parse
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from toolchain.images.errors import ImageError, run
from toolchain.images.spec import Debs
from toolchain.images.tree import Tree

_DEB = re.compile(r"(?P<name>[a-z0-9][a-z0-9.+-]*)_(?P<version>[^_/]+)_(?P<architecture>[a-z0-9-]+)\.deb")


@dataclass(frozen=True)
class Deb:
    """One package file in the cache."""

    package: str
    version: str
    file: str
    """Name in the cache folder."""
    sha256: str


class DebCache:
    """Packages below one folder, shared by all images; a set that was planned once is not planned again."""

    def __init__(self, folder: Path) -> None:
        """Use ``folder``, which is made when it is first needed."""
        # apt takes a relative folder as one below its own root.
        self._folder = folder.absolute()
        self._archives = self._folder / "archives"
        self._updated = False

    def get(self, wanted: Debs) -> tuple[Deb, ...]:
        """The packages of an image, fetched if they are not there, sorted by name.

        Raises:
            ImageError: apt is not there, knows no such package, or cannot fetch it.
        """
        if not (wanted.closed or wanted.alone):
            return ()
        record = self._record(wanted)
        known = self._read(record)
        if known is not None:
            return known
        record.parent.mkdir(parents=True, exist_ok=True)
        # Another checkout may be fetching the same packages into this cache.
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            debs = self._fetch(wanted)
        partial = record.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps([asdict(deb) for deb in debs], indent=1))
        partial.replace(record)
        return debs

    def has(self, wanted: Debs) -> bool:
        """Whether ``get`` will need no apt."""
        return not (wanted.closed or wanted.alone) or self._read(self._record(wanted)) is not None

    def path(self, deb: Deb) -> Path:
        """The package's file."""
        return self._archives / deb.file

    def _record(self, wanted: Debs) -> Path:
        key = hashlib.sha256(repr((wanted.closed, wanted.alone, wanted.dropped)).encode()).hexdigest()[:16]
        return self._folder / "plans" / f"{key}.json"

    def _read(self, record: Path) -> tuple[Deb, ...] | None:
        if not record.is_file():
            return None
        rows = cast("list[dict[str, str]]", json.loads(record.read_text()))
        debs = tuple(Deb(**row) for row in rows)
        return debs if all(self.path(deb).is_file() for deb in debs) else None

    def _fetch(self, wanted: Debs) -> tuple[Deb, ...]:
        self._update()
        names: set[str] = set()
        if wanted.closed:
            plan = self._apt("apt-get", "install", "--print-uris", "-y", *wanted.closed)
            names = planned(plan) - set(wanted.dropped)
        names |= set(wanted.alone)
        with tempfile.TemporaryDirectory(dir=self._folder) as fresh:
            self._apt("apt-get", "download", *sorted(names), folder=Path(fresh))
            files = sorted(path.name for path in Path(fresh).glob("*.deb"))
            for file in files:
                (Path(fresh) / file).replace(self._archives / file)
        return tuple(self._deb(file) for file in files)

    def _deb(self, file: str) -> Deb:
        match = _DEB.fullmatch(file)
        if match is None:
            raise ImageError(f"Debian packages: apt plans the file {file!r}, which is no package's name")
        with (self._archives / file).open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        return Deb(match["name"], urllib.parse.unquote(match["version"]), file, digest)

    def _update(self) -> None:
        if self._updated:
            return
        for name in ("archives", "lists/partial", "cache/archives/partial"):
            (self._folder / name).mkdir(parents=True, exist_ok=True)
        (self._folder / "status").touch()
        self._apt("apt-get", "update")
        self._updated = True

    def _apt(self, program: str, *arguments: str, folder: Path | None = None) -> str:
        root = self._folder
        options = {
            "Dir::State": root,
            "Dir::State::status": root / "status",
            "Dir::State::lists": root / "lists",
            "Dir::Cache": root / "cache",
            # Container images of Debian turn this cache off, and each call then reads all lists anew.
            "Dir::Cache::pkgcache": "pkgcache.bin",
            "Dir::Cache::srcpkgcache": "srcpkgcache.bin",
            "Acquire::Languages": "none",
            "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled": "false",
            "APT::Install-Recommends": "false",
            # As root, apt would fetch as a user who cannot write to the cache.
            "APT::Sandbox::User": "root",
            "Acquire::Retries": "3",
        }
        flags = [f"-o{key}={value}" for key, value in options.items()]
        return run(
            [program, *flags, "-qq", *arguments],
            what=f"Debian packages ({' '.join(arguments[:1])})",
            cwd=folder if folder is not None else self._archives,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
        )


def planned(plan: str) -> set[str]:
    """Package names from the output of ``apt-get --print-uris``: lines of URI, file, size and hash."""
    return {line.split()[1].partition("_")[0] for line in plan.splitlines() if line.startswith("'")}


def add_debs(tree: Tree, debs: Iterable[Deb], cache: DebCache, *, without: tuple[str, ...]) -> None:
    """Put the packages' files into a tree, and the bundle of certificates that ca-certificates' script makes.

    Raises:
        ImageError: A package cannot be read.
    """
    for deb in debs:
        command = ["dpkg-deb", "--fsys-tarfile", str(cache.path(deb))]
        done = subprocess.run(command, capture_output=True, check=False)
        if done.returncode:
            why = done.stderr.decode(errors="replace").strip()
            raise ImageError(f"Debian packages: {deb.file} cannot be read, delete it and try again: {why}")
        tree.add_tar(io.BytesIO(done.stdout), without=without)
    bundle = certificate_bundle(tree)
    if bundle:
        tree.add_file("etc/ssl/certs/ca-certificates.crt", bundle)


def certificate_bundle(tree: Tree) -> bytes:
    """All certificates of a tree's ca-certificates package in one file; empty without that package."""
    found = sorted(
        (path, entry.content)
        for path, entry in tree.entries.items()
        if path.startswith("usr/share/ca-certificates/") and path.endswith(".crt")
    )
    return b"".join(content.strip() + b"\n" for _, content in found if isinstance(content, bytes))
