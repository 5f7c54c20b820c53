"""Programs are logged, bounded, stoppable, and their failures explained."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from toolchain.build.failures import BuildCancelledError, BuildError
from toolchain.build.process import Runner


def test_lines_and_log(tmp_path: Path) -> None:
    seen: list[str] = []
    log = tmp_path / "logs" / "x.log"
    Runner().run(["sh", "-c", "echo one; echo two >&2"], what="it", log=log, on_line=seen.append)
    assert seen == ["one", "two"]
    assert log.read_text() == "$ sh -c echo one; echo two >&2\none\ntwo\n"


def test_stdout_apart(tmp_path: Path) -> None:
    seen: list[str] = []
    out = tmp_path / "out"
    Runner().run(
        ["sh", "-c", "echo one; echo two >&2"], what="it", log=tmp_path / "log", stdout=out, on_line=seen.append
    )
    assert out.read_text() == "one\n"
    assert seen == ["two"]


def test_failure_has_tail_log_cause_and_fix(tmp_path: Path) -> None:
    script = "seq 1 40; echo 'write /x: no space left on device'; exit 3"
    with pytest.raises(BuildError) as caught:
        Runner().run(["sh", "-c", script], what="Building x", log=tmp_path / "log")
    text = str(caught.value)
    assert text.startswith("Building x failed (exit status 3)")
    assert "    40\n" in text
    assert "\n    10\n" not in text
    assert f"log: {tmp_path / 'log'}" in text
    assert "cause: the disk is full" in text
    assert "ECHORATOR_CACHE" in text


def test_killed_names_the_signal(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="killed by SIGKILL"):
        Runner().run(["sh", "-c", "kill -9 $$"], what="it", log=tmp_path / "log")


def test_limit_ends_it_with_its_children(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(BuildError, match=r"gave up after 0\.3 s"):
        Runner().run(["sh", "-c", "sleep 60; true"], what="it", log=tmp_path / "log", limit_s=0.3)
    assert time.monotonic() - began < 20


def test_missing_program_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="fix: install no-such-program"):
        Runner().run(["no-such-program"], what="it", log=tmp_path / "log")


def test_cancel_stops_what_runs_and_what_comes(tmp_path: Path) -> None:
    runner = Runner()
    timer = threading.Timer(0.3, runner.cancel)
    timer.start()
    began = time.monotonic()
    with pytest.raises(BuildCancelledError):
        runner.run(["sh", "-c", "sleep 60; true"], what="it", log=tmp_path / "log")
    assert time.monotonic() - began < 20
    timer.join()
    with pytest.raises(BuildCancelledError):
        runner.run(["touch", str(tmp_path / "touched")], what="it", log=tmp_path / "log")
    assert not (tmp_path / "touched").exists()


def test_an_error_in_the_listener_ends_the_program(tmp_path: Path) -> None:
    def refuse(line: str) -> None:
        raise ValueError(line)

    began = time.monotonic()
    with pytest.raises(ValueError, match="one"):
        Runner().run(["sh", "-c", "echo one; sleep 60"], what="it", log=tmp_path / "log", on_line=refuse)
    assert time.monotonic() - began < 20
