"""Locks hold between processes and end with them."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from toolchain import paths
from toolchain.build.failures import BuildCancelledError
from toolchain.build.lock import Shared, exclusive

HOLD = """
import sys, time
from pathlib import Path
from toolchain.build.lock import exclusive
with exclusive(Path(sys.argv[1]), "holding", waiting=print):
    print("held", flush=True)
    time.sleep(300)
"""


def hold(path: Path) -> subprocess.Popen[str]:
    env = os.environ | {"PYTHONPATH": str(paths.CHECKOUT)}
    child = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True, env=env)
    assert child.stdout is not None
    assert child.stdout.readline() == "held\n"
    return child


def test_waits_for_the_other_process_says_so_and_gets_it_after_a_kill(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "locks" / "x.lock"
    with hold(path) as child:
        threading.Timer(0.5, child.kill).start()
        with exclusive(path, "building x", waiting=said.append):
            child.wait(10)
    assert said == [f"building x: another run (process {child.pid}) is at it, waiting for it"]
    assert path.read_text() == f"process {os.getpid()}"


def test_the_wait_can_be_given_up(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    with hold(path) as child:
        with (
            pytest.raises(BuildCancelledError),
            exclusive(path, "building x", waiting=lambda _: None, cancelled=lambda: True),
        ):
            raise AssertionError
        child.kill()


def test_a_free_lock_is_silent(tmp_path: Path) -> None:
    said: list[str] = []
    with exclusive(tmp_path / "x.lock", "building x", waiting=said.append):
        pass
    assert said == []


def test_a_full_disk_does_not_keep_it_from_being_held(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # A file may not grow: every write fails as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        with exclusive(path, "building x", waiting=lambda _: None):
            assert not path.read_text()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_shared_is_alone_only_when_it_is(tmp_path: Path) -> None:
    path = tmp_path / "build.lock"
    one, two = Shared(path), Shared(path)
    assert not one.alone()
    two.close()
    assert one.alone()
    one.share()
    three = Shared(path)
    assert not one.alone()
    three.close()
    one.close()
