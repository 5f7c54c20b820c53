"""Every fault of the machine is named at once, with its fix."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.unit.toolchain.build.conftest import tiny_module
from toolchain.build import preflight, wheels
from toolchain.build.failures import BuildError
from toolchain.build.kinds import PyPIFile

MODEL = PyPIFile("model", "1", "model.whl", "00", "a model", "MIT")


def test_a_good_machine_has_no_fault(tmp_path: Path, sources: Path) -> None:
    preflight.check(tmp_path / "new" / "cache", [tiny_module()], debs=True, files=[MODEL], sources=sources)
    assert (tmp_path / "new" / "cache").is_dir()


def test_all_faults_at_once(tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(wheels, "downloader", lambda: None)
    module = replace(tiny_module(), cgo=True, disk_gb=10**6)
    with pytest.raises(BuildError) as caught:
        preflight.check(tmp_path, [module], debs=True, files=[MODEL], sources=sources)
    text = str(caught.value)
    assert "GB free, 1000002.0 GB are needed" in text
    assert "Go is not on PATH: install Go 1.21 or newer" in text
    assert "gcc and g++ not on PATH, needed for Ollama's C++ parts" in text
    assert "apt-get and dpkg-deb not on PATH" in text
    assert "neither pip nor uv is there" in text
    assert "5 thing(s) above" in text


def test_an_old_go(tmp_path: Path, sources: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go = tmp_path / "bin" / "go"
    go.parent.mkdir()
    go.write_text("#!/bin/sh\necho go1.20.14\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{go.parent}:/usr/bin:/bin")
    with pytest.raises(BuildError, match=r"is Go 1\.20: install Go 1\.21 or newer"):
        preflight.check(tmp_path, [tiny_module()], sources=sources)


def test_a_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BuildError, match=r"cannot be made .*ECHORATOR_CACHE"):
        preflight.check(tmp_path / "file" / "cache", [])


def test_a_go_mod_without_its_directive(tmp_path: Path, sources: Path) -> None:
    (sources / "tiny" / "go.mod").write_text("module x\n")
    with pytest.raises(BuildError, match="has no go directive"):
        preflight.check(tmp_path, [tiny_module()], sources=sources)
