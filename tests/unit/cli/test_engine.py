"""How the engine's program is run and stopped, with a small program in its place.

Not shown: what the real engine does when it is asked to stop; tests/integration/test_cli.py interrupts one.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pulumi.automation import CommandError, ConcurrentUpdateError, StackNotFoundError

from cli import engine
from cli.engine import EngineCommand, InterruptedByUserError

Make = Callable[[str], EngineCommand]
VERSION = 'if [ "$1" = version ]; then echo v3.224.0; exit; fi\n'


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A command whose program is a shell script with this body."""

    def made(body: str) -> EngineCommand:
        program = tmp_path / "pulumi"
        program.write_text(f"#!/bin/sh\n{VERSION}{body}\n")
        program.chmod(0o755)
        return EngineCommand(program, os.environ)

    return made


def test_output_and_environment(make: Make, tmp_path: Path) -> None:
    command = make('echo "$@ $ONE"; pwd; echo bad >&2')
    lines: list[str] = []
    result = command.run(["up", "--yes"], str(tmp_path), {"ONE": "1"}, on_output=lines.append)
    assert str(command.version) == "3.224.0"
    assert lines == ["up --yes --non-interactive 1", str(tmp_path)]
    assert (result.stdout, result.stderr, result.code) == ("\n".join(lines), "bad", 0)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("no stack named 'x' found", StackNotFoundError),
        ("the stack is currently locked by 1 lock(s)", ConcurrentUpdateError),
        ("anything", CommandError),
    ],
)
def test_failures_have_their_kind(make: Make, tmp_path: Path, words: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="code: 255"):
        make(f'echo "{words}" >&2; exit 255').run(["up"], str(tmp_path), {})


def run(command: EngineCommand, folder: Path, ready: Path) -> tuple[threading.Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def body() -> None:
        try:
            command.run(["up"], str(folder), {"READY": str(ready)})
        except (CommandError, InterruptedByUserError) as error:
            raised.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    deadline = time.monotonic() + 10
    while not ready.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ready.exists()
    return thread, raised


def test_an_interrupt_is_told_to_the_engine_and_waited_for(make: Make, tmp_path: Path) -> None:
    log = tmp_path / "log"
    command = make(f"trap 'sleep 0.3; echo done > {log}; exit 255' INT\ntouch \"$READY\"\nwhile :; do sleep 0.05; done")
    thread, raised = run(command, tmp_path, tmp_path / "ready")
    assert command.interrupted is False
    command.interrupt()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(raised[0], InterruptedByUserError)
    assert log.read_text() == "done\n"


def test_a_program_that_outlives_the_engine_holds_nobody_up(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LAST_WORDS_S", 0.2)
    begun = time.monotonic()
    result = make("sleep 3 & echo first").run(["up"], str(tmp_path), {})
    assert time.monotonic() - begun < 2
    assert result.stdout == "first"


def test_the_second_interrupt_reaches_the_engine_too(make: Make, tmp_path: Path) -> None:
    command = make('trap \'trap "exit 255" INT\' INT\ntouch "$READY"\nwhile :; do sleep 0.05; done')
    thread, raised = run(command, tmp_path, tmp_path / "ready")
    command.interrupt()
    thread.join(0.5)
    assert thread.is_alive()
    command.interrupt()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(raised[0], InterruptedByUserError)


def test_a_provider_learns_of_an_interrupt_by_a_file(make: Make, tmp_path: Path) -> None:
    body = f"""trap '' INT
test -e "$ECHORATOR_CANCEL_FILE" && exit 1
touch "$READY"
while ! test -e "$ECHORATOR_CANCEL_FILE"; do sleep 0.05; done
echo "$ECHORATOR_CANCEL_FILE" > {tmp_path}/seen
exit 255
"""
    command = make(body)
    thread, raised = run(command, tmp_path, tmp_path / "ready")
    command.interrupt()
    thread.join(10)
    assert not thread.is_alive()
    assert isinstance(raised[0], InterruptedByUserError)
    assert (tmp_path / "seen").exists()


def test_our_own_group_s_ctrl_c_does_not_reach_the_engine(make: Make, tmp_path: Path) -> None:
    command = make('touch "$READY"; ps -o pgid= -p $$ > "$READY.group"; sleep 0.3')
    thread, raised = run(command, tmp_path, tmp_path / "ready")
    thread.join(10)
    assert not raised
    assert int((tmp_path / "ready.group").read_text()) != os.getpgrp()


def test_an_interrupt_before_the_start_keeps_it_from_starting(make: Make, tmp_path: Path) -> None:
    command = make("touch started")
    command.interrupt()
    with pytest.raises(InterruptedByUserError):
        command.run(["up"], str(tmp_path), {})
    assert not (tmp_path / "started").exists()


def test_a_run_that_ends_well_though_interrupted_is_done(make: Make, tmp_path: Path) -> None:
    command = make("trap 'exit 0' INT\ntouch \"$READY\"\nwhile :; do sleep 0.05; done")
    thread, raised = run(command, tmp_path, tmp_path / "ready")
    command.interrupt()
    thread.join(10)
    assert not thread.is_alive()
    assert raised == []


def test_signals_are_not_blocked_for_the_engine(make: Make, tmp_path: Path) -> None:
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    make("kill -0 $$").run(["up"], str(tmp_path), {})
