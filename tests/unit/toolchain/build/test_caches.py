"""The caches go when the last run is done with them, and not before."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.build.caches import BuildCaches, remove_tree, size


def fill(folder: Path, kilobytes: int) -> None:
    (folder / "ab").mkdir(parents=True)
    (folder / "ab" / "object").write_bytes(b"x" * 1024 * kilobytes)


def test_private_and_deleted_when_alone(tmp_path: Path) -> None:
    caches = BuildCaches(tmp_path / "build")
    session = caches.open()
    assert caches.root.stat().st_mode & 0o777 == 0o700
    fill(caches.compiled, 8)
    assert session.delete()
    session.close()
    assert not caches.root.exists()


def test_kept_while_another_run_builds(tmp_path: Path) -> None:
    caches = BuildCaches(tmp_path / "build")
    first, second = caches.open(), caches.open()
    assert not first.delete()
    assert caches.root.exists()
    first.close()
    assert second.delete()
    second.close()


@pytest.mark.parametrize("others", [False, True])
def test_trim_frees_what_is_compiled_above_the_limit(tmp_path: Path, *, others: bool) -> None:
    caches = BuildCaches(tmp_path / "build")
    session = caches.open()
    other = caches.open() if others else None
    fill(caches.compiled, 64)
    fill(caches.modules, 8)
    assert session.trim(limit=1 << 20) == 0
    freed = session.trim(limit=32 << 10)
    if other is not None:
        assert freed == 0
        assert size(caches.compiled) >= 64 << 10
        other.close()
    else:
        assert freed >= 64 << 10
        assert size(caches.compiled) < 8 << 10
    assert size(caches.modules) >= 8 << 10
    session.close()


def test_read_only_folders_are_deleted(tmp_path: Path) -> None:
    module = tmp_path / "module@v1"
    fill(module, 1)
    (module / "ab").chmod(0o555)
    module.chmod(0o555)
    remove_tree(module)
    assert not module.exists()
    remove_tree(module)
