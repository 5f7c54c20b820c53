"""Debian's programs unpacked in a folder of the cache, for tests: nothing is installed."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from toolchain.images.debs import DebCache
from toolchain.images.errors import ImageError
from toolchain.images.spec import Debs


def unpacked(cache: Path, wanted: Debs) -> Path:
    """The folder with the packages' trees, fetched and unpacked where they are not there.

    Args:
        cache: the images' cache.
        wanted: which packages.

    Raises:
        ImageError: apt cannot fetch them, or a package cannot be read.
    """
    debs = DebCache(cache / "debs")
    found = debs.get(wanted)
    name = hashlib.sha256(" ".join(one.sha256 for one in found).encode()).hexdigest()[:24]
    folder = cache / "programs" / name
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            for one in found:
                done = subprocess.run(
                    ["dpkg-deb", "--extract", str(debs.path(one)), scratch], capture_output=True, text=True, check=False
                )
                if done.returncode:
                    raise ImageError(f"Debian packages: {one.file} cannot be unpacked: {done.stderr.strip()}")
            # Programs read data below usr/share, so the tree stays as it is.
            fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
            fresh.mkdir()
            for part in ("usr", "etc", "lib"):
                if (Path(scratch) / part).is_dir():
                    shutil.move(Path(scratch) / part, fresh / part)
            try:
                fresh.rename(folder)
            except OSError:
                # Another process was faster.
                shutil.rmtree(fresh)
    return folder
