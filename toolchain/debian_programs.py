"""Debian's servers that tests start, unpacked below the cache of the images' packages and not installed."""

from __future__ import annotations

import os
from pathlib import Path

from toolchain.images.spec import Debs
from toolchain.images.unpacked import unpacked

REDIS = Debs(closed=("redis-server",))


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
