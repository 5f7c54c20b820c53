"""Processes with our mark are found and ended, with their orphans; all others live on.

With real processes. Not proved: a process that hangs in the kernel.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from toolchain.reduced import ours

_SLEEP = "import time; time.sleep(60)"
_DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"


@contextmanager
def process(code: str, mark: str | None) -> Generator[subprocess.Popen[bytes]]:
    environment = {"PATH": os.defpath} | ({} if mark is None else {ours.VARIABLE: mark})
    child = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def mark_in(folder: Path) -> str:
    return ours.read_mark(folder / "mark")


def test_the_mark_is_made_once_and_for_the_user_alone(tmp_path: Path) -> None:
    first = mark_in(tmp_path)
    assert mark_in(tmp_path) == first
    assert len(first) == 32
    assert stat.S_IMODE((tmp_path / "mark").stat().st_mode) == 0o600


def test_only_ours_are_found_and_ended(tmp_path: Path) -> None:
    mark = mark_in(tmp_path)
    with process(_SLEEP, mark) as one, process(_SLEEP, mark + "0") as other, process(_SLEEP, None) as foreign:
        assert ours.find(mark) == [one.pid]
        ours.end(mark)
        assert one.wait(5) == -signal.SIGTERM
        assert ours.find(mark) == []
        assert other.poll() is None
        assert foreign.poll() is None


def test_the_orphan_of_a_killed_process_is_found_and_ended(tmp_path: Path) -> None:
    mark = mark_in(tmp_path)
    code = f"import subprocess, sys, time; print(subprocess.Popen([sys.executable, '-c', {_SLEEP!r}]).pid, flush=True)"
    with process(f"{code}; time.sleep(60)", mark) as parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        assert ours.parent(orphan) == parent.pid
        parent.kill()
        parent.wait(5)
        assert ours.find(mark) == [orphan]
        ours.end(mark)
        assert ours.find(mark) == []


def test_what_does_not_listen_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = mark_in(tmp_path)
    monkeypatch.setattr(ours, "_TERMINATE_S", 0.2)
    with process(_DEAF, mark) as deaf:
        assert deaf.stdout is not None
        deaf.stdout.readline()
        ours.end(mark)
        assert deaf.wait(5) == -signal.SIGKILL


def test_a_signal_goes_to_nobody_without_the_mark(tmp_path: Path) -> None:
    with process(_SLEEP, None) as foreign:
        ours.send(foreign.pid, mark_in(tmp_path), signal.SIGKILL)
        assert foreign.poll() is None
        foreign.kill()
        foreign.wait(5)
        ours.send(foreign.pid, mark_in(tmp_path), signal.SIGKILL)
        assert ours.parent(foreign.pid) is None


def test_who_listens_on_a_port_is_told_apart(tmp_path: Path) -> None:
    mark = mark_in(tmp_path)
    code = "import socket, time; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)"
    with process(f"{code}; time.sleep(60)", mark) as one, process(f"{code}; time.sleep(60)", None) as other:
        assert one.stdout is not None
        assert other.stdout is not None
        own, theirs = int(one.stdout.readline()), int(other.stdout.readline())
        assert ours.listens(mark, own)
        assert not ours.foreign(mark, own)
        assert not ours.listens(mark, theirs)
        assert ours.foreign(mark, theirs)
        one.kill()
        one.wait(5)
        assert not ours.listens(mark, own)
        assert not ours.foreign(mark, own)
