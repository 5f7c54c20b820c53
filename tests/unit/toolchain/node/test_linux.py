"""Proves that processes are told apart by their start and that errors name what failed."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from toolchain.node import linux


def test_start_time_is_steady_and_ends_with_the_process() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    first = linux.process_start_time(process.pid)
    assert first is not None
    assert linux.process_start_time(process.pid) == first
    assert first >= (linux.process_start_time(os.getpid()) or 0)
    process.communicate(b"\n")
    assert linux.process_start_time(process.pid) is None


def test_a_dead_process_that_was_not_collected_counts_as_ended() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert linux.process_start_time(process.pid) is None
    process.wait()


def test_a_refused_mount_names_both_ends() -> None:
    with pytest.raises(OSError, match="mount tmpfs none on /nowhere/at/all"):
        raise_for_mount()


def raise_for_mount() -> None:
    linux.mount("none", "/nowhere/at/all", "tmpfs")
