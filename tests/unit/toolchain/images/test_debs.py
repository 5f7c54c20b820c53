"""Packages come from apt's own plan for an empty system, whatever this machine has installed.

A real apt works on an archive that the test makes. Does not prove that Debian's archive can be reached, nor
apt's signature check: the test's archive is marked as trusted, which only a local file may be.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from toolchain.images.debs import DebCache, add_debs, certificate_bundle
from toolchain.images.errors import ImageError
from toolchain.images.spec import Debs
from toolchain.images.tree import Tree


def make_deb(archive: Path, name: str, files: dict[str, str], depends: Sequence[str] = ()) -> str:
    root = archive / "src" / name
    control = f"Package: {name}\nVersion: 1:2.0-1\nArchitecture: amd64\nMaintainer: Test <test@example.org>\n"
    if depends:
        control += f"Depends: {', '.join(depends)}\n"
    control += "Description: made by a test\n"
    for path, content in {**files, "DEBIAN/control": control}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    file = archive / f"{name}_2.0-1_amd64.deb"
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", root, file], check=True, capture_output=True)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    return control + f"Filename: ./{file.name}\nSize: {file.stat().st_size}\nSHA256: {digest}\n"


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An archive of four packages, the only source that apt knows."""
    folder = tmp_path / "archive"
    folder.mkdir()
    entries = [
        make_deb(folder, "tool", {"bin/tool": "t"}, depends=("libc6", "helper")),
        # This machine has a libc6 installed; apt must plan as if it had not.
        make_deb(folder, "libc6", {"lib/libc.so": "l"}),
        make_deb(folder, "helper", {"usr/bin/helper": "h"}),
        make_deb(folder, "data", {"usr/share/ca-certificates/b.crt": "B\n", "usr/share/ca-certificates/a.crt": "A"}),
    ]
    (folder / "Packages").write_text("\n".join(entries))
    (tmp_path / "sources.list").write_text(f"deb [trusted=yes] file:{folder} ./\n")
    (tmp_path / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{tmp_path}/sources.list";\nDir::Etc::sourceparts "/dev/null";\n'
    )
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    return folder


def test_a_closure_is_whole_but_for_what_is_dropped(archive: Path, tmp_path: Path) -> None:
    cache = DebCache(tmp_path / "cache")
    wanted = Debs(closed=("tool",), alone=("data",), dropped=("helper",))
    debs = cache.get(wanted)
    assert [deb.package for deb in debs] == ["data", "libc6", "tool"]
    assert {deb.version for deb in debs} == {"1:2.0-1"}
    assert [hashlib.sha256(cache.path(deb).read_bytes()).hexdigest() for deb in debs] == [d.sha256 for d in debs]
    # A second image finds the files there and must still list them all.
    assert [deb.package for deb in cache.get(Debs(closed=("tool",)))] == ["helper", "libc6", "tool"]
    shutil.rmtree(archive)
    assert DebCache(tmp_path / "cache").get(wanted) == debs


def test_a_package_file_that_was_lost_is_fetched_again(archive: Path, tmp_path: Path) -> None:
    cache = DebCache(tmp_path / "cache")
    (deb,) = cache.get(Debs(alone=("data",)))
    cache.path(deb).unlink()
    assert DebCache(tmp_path / "cache").get(Debs(alone=("data",))) == (deb,)
    assert cache.path(deb).is_file()
    assert archive.is_dir()


@pytest.mark.usefixtures("archive")
def test_an_unknown_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="no-such-package"):
        DebCache(tmp_path / "cache").get(Debs(closed=("no-such-package",)))


@pytest.mark.usefixtures("archive")
def test_files_and_the_bundle_of_certificates_arrive_in_the_tree(tmp_path: Path) -> None:
    cache = DebCache(tmp_path / "cache")
    tree = Tree()
    add_debs(tree, cache.get(Debs(closed=("tool",), alone=("data",))), cache, without=("usr/bin/helper",))
    assert tree.entries["usr/bin/tool"].content == b"t"
    assert tree.entries["usr/lib/libc.so"].content == b"l"
    assert "usr/bin/helper" not in tree.entries
    assert tree.entries["etc/ssl/certs/ca-certificates.crt"].content == b"A\nB\n"
    assert certificate_bundle(Tree()) == b""


def test_a_broken_package_is_named(archive: Path, tmp_path: Path) -> None:
    cache = DebCache(tmp_path / "cache")
    (deb,) = cache.get(Debs(alone=("data",)))
    cache.path(deb).write_bytes(b"not a package")
    with pytest.raises(ImageError, match=r"data_.*cannot be read, delete it and try again"):
        add_debs(Tree(), [deb], cache, without=())
    assert archive.is_dir()


def test_an_image_without_packages_needs_no_apt(tmp_path: Path) -> None:
    assert DebCache(tmp_path / "cache").get(Debs()) == ()
    assert not (tmp_path / "cache").exists()
