"""Proves that all faults come at once, each with its fix, and what counts as one.

The trial of namespaces itself is proved in node/test_trial.py.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain import preflight
from toolchain.machine import Kind

MEMINFO = "MemTotal:       24684084 kB\nMemFree:          100 kB\nMemAvailable:   {} kB\nHugePages_Total:       0\n"


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=64 << 20))
def test_memory(kib: int) -> None:
    assert bool(preflight.memory_faults(MEMINFO.format(kib))) == (kib < 4 << 20)


def test_memory_says_how_much_is_there_and_needed() -> None:
    assert preflight.memory_faults(MEMINFO.format(3 << 19)) == [
        "1.5 GiB of memory are available, 4 are needed: end other programs"
    ]


def test_missing_command_names_its_package() -> None:
    assert preflight.command_faults({"sh": "dash", "no-such-command": "some-package"}) == [
        "the command `no-such-command` is missing: apt-get install some-package"
    ]


class _Usage:
    def __init__(self, free: int) -> None:
        self.free = free


def test_needs_on_one_disk_add_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ten_gigabytes(_folder: Path) -> _Usage:
        return _Usage(10 * 10**9)

    monkeypatch.setattr(preflight.shutil, "disk_usage", ten_gigabytes)
    assert preflight.disk_faults([(tmp_path / "a" / "b", 6.0), (tmp_path, 3.0)]) == []
    [fault] = preflight.disk_faults([(tmp_path / "a" / "b", 6.0), (tmp_path, 5.0)])
    assert "10.0 GB free, 11.0 are needed" in fault
    assert "ECHORATOR_CACHE" in fault


def test_without_root_the_reason_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 1001)
    assert "not root" in (preflight.why_no_node(tmp_path / "never-made") or "")


def find(kind: Kind, tmp_path: Path, run: Path | None = None) -> list[str]:
    run = tmp_path / "run" if run is None else run
    return preflight.find_faults(kind, state=tmp_path / "state", run=run, cache=tmp_path / "cache", build_gb=10**6)


def test_all_faults_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 1001)
    monkeypatch.setattr(preflight, "MEMORY_GIB", 10**6)
    monkeypatch.setenv("PATH", str(tmp_path))
    told = "\n".join(find(Kind.NODE, tmp_path, tmp_path / ("x" * 100)))
    for word in ("`ip` is missing", "`openssl` is missing", "not root", "GiB of memory", "GB free", "too long for a"):
        assert word in told


def test_a_running_node_is_not_asked_for_the_memory_that_it_uses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(preflight, "MEMORY_GIB", 10**6)
    assert any("memory" in fault for fault in find(Kind.REDUCED, tmp_path))
    run = tmp_path / "state" / "reduced" / "run"
    run.mkdir(parents=True)
    (run / "control.sock").touch()
    assert not any("memory" in fault for fault in find(Kind.REDUCED, tmp_path))


def test_reduced_needs_no_namespaces_and_an_existing_cluster_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(preflight.os, "geteuid", lambda: 1001)
    assert not any("not root" in fault for fault in find(Kind.REDUCED, tmp_path))
    assert find(Kind.EXISTING, tmp_path) == []


def test_error_lists_one_fault_a_line() -> None:
    error = preflight.PreflightError(["a: mend a", "b: mend b"])
    assert str(error) == "This machine is not ready yet:\n  - a: mend a\n  - b: mend b"
    assert error.faults == ["a: mend a", "b: mend b"]
