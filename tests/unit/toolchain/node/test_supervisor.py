"""Proves with real processes that the supervisor starts, restarts, waits, applies changes and ends.

It runs as an ordinary process here, so that ending everything with PID 1 is left to tests/integration.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolchain.node.spec import Process
from toolchain.node.supervisor import answers, backoff_s, bound_log

DRIVER = """
import json, sys
from pathlib import Path
from toolchain.node.spec import Process
from toolchain.node.supervisor import Supervisor
folder = Path(sys.argv[1])
supervisor = Supervisor(folder, folder / "control.sock", grace_s=1.0)
supervisor.apply([Process.from_wire(item) for item in json.loads(sys.argv[2])])
supervisor.run()
"""
ROOT = Path(__file__).parents[4]


class Running:
    """A supervisor in a process of its own."""

    def __init__(self, folder: Path, processes: list[Process]) -> None:
        self.folder = folder
        wanted = json.dumps([process.to_wire() for process in processes])
        self.process = subprocess.Popen([sys.executable, "-c", DRIVER, str(folder), wanted], cwd=ROOT)

    def ask(self, **request: Any) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(30)
            client.connect(str(self.folder / "control.sock"))
            client.sendall(json.dumps(request).encode() + b"\n")
            return json.loads(client.makefile().readline())

    def state(self, name: str) -> dict[str, Any]:
        return next(item for item in self.ask(op="status")["processes"] if item["name"] == name)

    def until(self, what: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if what():
                    return
            except (OSError, StopIteration):
                assert self.process.poll() is None, "the supervisor ended"
            time.sleep(0.02)
        pytest.fail("did not happen within 60 s")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[list[Process]], Running]]:
    running: list[Running] = []

    def begin(processes: list[Process]) -> Running:
        running.append(Running(tmp_path, processes))
        return running[-1]

    yield begin
    for one in running:
        one.process.terminate()
        assert one.process.wait(20) == 0


def sleeper(name: str = "sleeper", **changes: Any) -> Process:
    return Process(name, ("sleep", "1000"), **changes)


def test_restarts_what_is_killed(start: Callable[[list[Process]], Running]) -> None:
    running = start([sleeper()])
    running.until(lambda: running.state("sleeper")["pid"] is not None)
    first = running.state("sleeper")["pid"]
    os.kill(first, signal.SIGKILL)
    running.until(lambda: running.state("sleeper")["pid"] not in (None, first))
    state = running.state("sleeper")
    assert state["restarts"] == 1
    assert state["last_exit"] == "killed by SIGKILL"


def test_says_why_a_program_cannot_start_and_goes_on(start: Callable[[list[Process]], Running]) -> None:
    running = start([Process("lost", ("/nowhere/program",)), sleeper()])
    running.until(lambda: "No such file" in running.state("lost")["last_exit"])
    running.until(lambda: running.state("sleeper")["pid"] is not None)


def test_output_goes_to_the_log(start: Callable[[list[Process]], Running]) -> None:
    running = start(
        [Process("talker", ("sh", "-c", "echo out; echo err >&2; echo $WORD; exec sleep 1000"), {"WORD": "env"})]
    )
    running.until(lambda: (running.folder / "talker.log").read_text() == "out\nerr\nenv\n")


def test_waits_for_a_file_and_a_socket(start: Callable[[list[Process]], Running], tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "late.sock"
    running = start([sleeper(after=(f"file:{mark}", f"unix:{path}"))])
    running.until(lambda: running.state("sleeper")["waits_for"] == f"file:{mark}")
    mark.touch()
    running.until(lambda: running.state("sleeper")["waits_for"] == f"unix:{path}")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        running.until(lambda: running.state("sleeper")["pid"] is not None)


def test_applying_starts_stops_and_restarts_only_what_changed(start: Callable[[list[Process]], Running]) -> None:
    running = start([sleeper("same"), sleeper("changed"), sleeper("gone")])
    running.until(lambda: all(item["pid"] for item in running.ask(op="status")["processes"]))
    before = {name: running.state(name)["pid"] for name in ("same", "changed")}
    wanted = [sleeper("same"), sleeper("changed", stamp="2"), sleeper("new")]
    running.ask(op="apply", processes=[process.to_wire() for process in wanted])
    running.until(lambda: running.state("changed")["pid"] not in (None, before["changed"]))
    running.until(
        lambda: {item["name"] for item in running.ask(op="status")["processes"]} == {"same", "changed", "new"}
    )
    assert running.state("same")["pid"] == before["same"]


def test_a_broken_request_does_not_end_it(start: Callable[[list[Process]], Running]) -> None:
    running = start([sleeper()])
    running.until(lambda: running.state("sleeper")["pid"] is not None)
    for broken in (b"no json\n", b"{}\n", b'{"op": "restart", "names": ["nobody"]}\n', b"cut short"):
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(running.folder / "control.sock"))
            client.sendall(broken)
    assert running.state("sleeper")["pid"] is not None


def test_what_does_not_end_when_asked_is_killed(start: Callable[[list[Process]], Running], tmp_path: Path) -> None:
    mark = tmp_path / "deaf-now"
    running = start([Process("deaf", ("sh", "-c", f"trap '' TERM; touch {mark}; while :; do sleep 0.1; done"))])
    running.until(mark.exists)
    first = running.state("deaf")["pid"]
    running.ask(op="restart", names=["deaf"])
    running.until(lambda: running.state("deaf")["pid"] not in (None, first))
    assert running.state("deaf")["last_exit"] == "killed by SIGKILL"
    second = running.state("deaf")["pid"]
    running.ask(op="apply", processes=[sleeper("deaf").to_wire()])
    # The end of the test ends the supervisor, which must not leave a deaf program to live on without it.
    running.until(lambda: not Path(f"/proc/{second}").exists())


def test_stop_ends_all_and_kills_the_stateless(start: Callable[[list[Process]], Running]) -> None:
    stubborn = Process("stubborn", ("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"), stateless=True)
    running = start([sleeper(), stubborn])
    running.until(lambda: all(item["pid"] for item in running.ask(op="status")["processes"]))
    pids = [item["pid"] for item in running.ask(op="status")["processes"]]
    running.ask(op="stop")
    assert running.process.wait(20) == 0
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


@settings(deadline=None)
@given(st.integers(min_value=0, max_value=1000))
def test_backoff_grows_to_a_bound(failures: int) -> None:
    assert 0.5 <= backoff_s(failures) <= backoff_s(failures + 1) <= 10.0


def test_big_log_is_cut_and_its_end_kept(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with log.open("ab") as writer:
        writer.write(b"a" * 500 + b"b" * 600)
        writer.flush()
        bound_log(log, limit=1000, keep=600)
        writer.write(b"new")
    assert (tmp_path / "x.log.1").read_bytes() == b"b" * 600
    assert log.read_bytes() == b"new"


def test_small_log_and_missing_log_are_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    log.write_bytes(b"a" * 1000)
    bound_log(log, limit=1000)
    bound_log(tmp_path / "nothing.log", limit=1000)
    assert [path.name for path in tmp_path.iterdir()] == ["x.log"]
    assert log.stat().st_size == 1000


def test_answers_tells_a_listener_from_none() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        end = f"tcp:127.0.0.1:{listener.getsockname()[1]}"
        assert answers(end)
    assert not answers(end)
