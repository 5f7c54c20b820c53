"""Debian's programs for tests, unpacked below the cache of the images' packages and not installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from toolchain.images import ImageError
from toolchain.images.debs import DebCache
from toolchain.images.spec import Debs

REDIS = Debs(closed=("redis-server",))


def unpacked(cache: Path, packages: Debs) -> Path:
    """A folder with the packages' files, fetched and unpacked where they are not there.

    Args:
        cache: of the images.
        packages: which.

    Raises:
        ImageError: apt cannot fetch them, or a package cannot be read.
    """
    debs = DebCache(cache / "debs")
    found = debs.get(packages)
    named = hashlib.sha256(" ".join(one.sha256 for one in found).encode()).hexdigest()[:24]
    folder = cache / "programs" / named
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        for one in found:
            done = subprocess.run(
                ["dpkg-deb", "--extract", str(debs.path(one)), scratch], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise ImageError(f"Debian packages: {one.file} cannot be unpacked: {done.stderr.strip()}")
        fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
        shutil.copytree(scratch, fresh, symlinks=True)
        try:
            fresh.rename(folder)
        except OSError:
            # Another process was faster.
            shutil.rmtree(fresh)
    return folder


def redis(cache: Path) -> Path:
    """A folder in which ``run`` starts Debian's redis-server with its own loader and libraries, on any Linux.

    Raises:
        ImageError: apt cannot fetch it, or a package cannot be read.
    """
    folder = unpacked(cache, REDIS)
    program = folder / "run"
    if not program.exists():
        machine = os.uname().machine
        [loader] = [one for one in folder.rglob("ld-linux-*.so.*") if not one.is_symlink()]
        libraries = ":".join(f"{folder}/{part}/{machine}-linux-gnu" for part in ("usr/lib", "lib"))
        text = f'#!/bin/sh\nexec "{loader}" --library-path "{libraries}" "{folder}/usr/bin/redis-server" "$@"\n'
        draft = folder / f"run.{os.getpid()}"
        draft.write_text(text)
        draft.chmod(0o755)
        draft.replace(program)
    return program
