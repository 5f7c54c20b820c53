"""What is on PATH is used where its version fits. The programs are scripts that print what the real ones do."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.build import found


def put(folder: Path, name: str, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return program


@pytest.mark.parametrize(
    ("version", "fits"),
    [("v1.34.4", True), ("v1.33.0", True), ("v1.35.9-dirty", True), ("v1.32.4-dispatcher", False), ("v2.34.0", False)],
)
def test_kubectl_within_one_minor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, fits: bool) -> None:
    answer = f'echo \'{{"clientVersion": {{"gitVersion": "{version}"}}}}\''
    program = put(tmp_path / "bin", "kubectl", answer, monkeypatch)
    assert found.kubectl() == (program if fits else None)


@pytest.mark.parametrize("script", ["exit 1", "echo nonsense", "echo '{}'", "echo '[]'"])
def test_kubectl_that_is_broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    put(tmp_path / "bin", "kubectl", script, monkeypatch)
    assert found.kubectl() is None


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("v3.224.0", True),
        ("v3.250.1", True),
        ("3.300.0-dev.0", True),
        ("v3.223.9", False),
        ("v4.0.0", False),
        ("?", False),
    ],
)
def test_pulumi_from_the_sdks_version_to_the_next_major(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, *, fits: bool
) -> None:
    program = put(tmp_path / "bin", "pulumi", f"echo '{version}'", monkeypatch)
    there = found.pulumi()
    assert (there is not None) == fits
    assert there is None or there[0] == program


def test_nothing_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    assert found.kubectl() is None
    assert found.pulumi() is None


def test_a_program_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "bin", "slow", "exec sleep 60", monkeypatch)
    assert found.ask(["slow"], limit_s=0.3) is None


@given(st.tuples(*[st.integers(0, 999)] * 3), st.sampled_from(["", "v"]), st.sampled_from(["", "-alpha.1", "+x"]))
def test_version_of(version: tuple[int, int, int], lead: str, end: str) -> None:
    assert found.version_of(f"{lead}{'.'.join(map(str, version))}{end}") == version
