"""Proves with real processes and sockets that a supervisor is started, found again and asked.

Not proved: that a node's first process can be one (tests/integration does).
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from pathlib import Path

import pytest

from toolchain.node import background, linux
from toolchain.reduced.spec import SOCKET, SupervisorSpec


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "supervisor.json"


def test_finds_the_recorded_process_and_no_later_one_with_its_id(record: Path) -> None:
    assert background.find(record) is None
    record.write_text("{")
    assert background.find(record) is None
    started = linux.process_start_time(os.getpid())
    assert started is not None
    record.write_text(json.dumps({"pid": os.getpid(), "start_time": started}))
    assert background.find(record) == os.getpid()
    record.write_text(json.dumps({"pid": os.getpid(), "start_time": started + 1}))
    assert background.find(record) is None


@pytest.mark.parametrize(("said", "answer"), [(b'{"a": 1}\n', {"a": 1}), (b"", None)])
def test_asks(tmp_path: Path, said: bytes, answer: object) -> None:
    address = str(tmp_path / "s")
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(address)
        listener.listen()

        def serve() -> None:
            client, _ = listener.accept()
            with client:
                asked.append(client.recv(100))
                client.sendall(said)

        thread = threading.Thread(target=serve)
        thread.start()
        assert background.ask(address, {"op": "status"}) == answer
        thread.join()
    assert asked == [b'{"op": "status"}\n']


def test_nobody_answers(tmp_path: Path) -> None:
    assert background.ask(str(tmp_path / "nobody"), {"op": "status"}) is None


def test_starts_and_waits_for_an_answer(tmp_path: Path, record: Path) -> None:
    spec_file, log = tmp_path / "spec.json", tmp_path / "log"
    spec_file.write_text(SupervisorSpec("code", str(tmp_path), str(tmp_path), ()).to_json())
    answers: list[bool] = []

    def answering() -> bool:
        answers.append(background.ask(str(tmp_path / SOCKET), {"op": "status"}) == {"processes": []})
        return answers[-1]

    pid = background.start(
        "toolchain.reduced.supervise",
        spec_file,
        environment={"PATH": os.defpath},
        log=log,
        record=record,
        answers=answering,
    )
    try:
        assert pid is not None, log.read_text()
        assert pid == background.find(record)
        assert answers[-1]
    finally:
        assert background.ask(str(tmp_path / SOCKET), {"op": "stop"}) == {}
    deadline = time.monotonic() + 10
    while background.find(record) is not None:
        assert time.monotonic() < deadline, "the supervisor does not end"
        time.sleep(0.02)


def test_a_module_that_fails_started_nothing_and_its_log_says_why(tmp_path: Path, record: Path) -> None:
    log = tmp_path / "log"
    found = background.start(
        "toolchain.reduced.supervise",
        tmp_path / "missing.json",
        environment={"PATH": os.defpath},
        log=log,
        record=record,
        answers=lambda: True,
    )
    assert found is None
    assert "missing.json" in log.read_text()
