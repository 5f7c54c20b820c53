"""Runs the engine: a preview that is summed up, and an update that is watched and can be interrupted."""

from __future__ import annotations

import signal
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from pulumi.automation import CommandError

from cli.display import Bars, Display, Plain, message
from cli.engine import Engine, InterruptedByUserError
from cli.engine_events import Event, Said, Step, Summary
from cli.exits import CliError, Exit
from cli.output import Output
from cli.transfers import Transfers
from cli.watch import Watch
from components.kube_context import KubeContext
from components.settings.stack import Settings

REFRESH_S = 0.25
SAME_S = 1.0
"""One Ctrl-C arrives twice where a parent, such as `timeout` or `make`, passes on what the terminal sent to all."""


@dataclass
class Heard:
    """What the engine said in one run.

    Attributes:
        steps: those that change something, each once.
        errors: its errors.
        changes: kind of step to how many, without those that change nothing.
        ended: whether it came to its summary.
    """

    steps: dict[tuple[str, str], Step] = field(default_factory=dict[tuple[str, str], Step])
    errors: list[Said] = field(default_factory=list[Said])
    changes: Mapping[str, int] = field(default_factory=dict[str, int])
    ended: bool = False

    def take(self, event: Event) -> None:
        """Remember an event."""
        if isinstance(event, Step) and event.counts:
            self.steps[event.kind, event.name] = event
        elif isinstance(event, Said) and event.severity == "error" and event.text.strip():
            self.errors.append(event)
        elif isinstance(event, Summary):
            self.changes, self.ended = event.changed, True

    def told(self) -> str:
        """The errors as one text, each once and the ones of a resource first: they name the cause."""
        ordered = sorted(self.errors, key=lambda said: not said.name)
        texts = dict.fromkeys(f"{said.name}: {said.text}" if said.name else said.text for said in ordered)
        return "\n".join(text for text in texts if text.strip() not in ("update failed", "preview failed"))


def preview(engine: Engine, text: str, name: str) -> Heard:
    """What an update by this text would do; the stack's own file is not touched.

    Raises:
        CliError: the program or the engine refuses, or it was interrupted.
    """
    heard = Heard()
    with tempfile.TemporaryDirectory(prefix="echorator-") as folder, interruptible(engine, lambda _: None):
        config = Path(folder) / name
        config.touch(0o600)
        config.write_text(text, encoding="utf-8", newline="")
        _run(lambda: engine.preview(config, heard.take), heard, "the preview failed; nothing was changed", "")
    return heard


def update(
    engine: Engine, parts: Sequence[tuple[KubeContext, Settings]], output: Output, *, planned: int, again: str
) -> tuple[Heard, float]:
    """Bring the cluster to what the stack's file says, and show how that goes.

    Args:
        engine: of the stack.
        parts: its clusters, each with the configuration of what runs there.
        output: where to show it.
        planned: how many changes the preview announced.
        again: what to say of the way on after a failure.

    Returns:
        What the engine said, and the seconds it took.

    Raises:
        CliError: it failed or was interrupted; what was finished is kept.
    """
    heard = Heard()
    transfers = Transfers()
    begun = time.monotonic()
    shown = Bars(output.console, transfers, planned) if output.console.is_terminal else Plain(output.console, transfers)

    def take(event: Event) -> None:
        heard.take(event)
        shown.event(event)

    failed = "the deploy failed; what was finished is kept"
    with shown, interruptible(engine, shown.note), _watching(shown, parts, transfers):
        _run(lambda: engine.up(take), heard, failed, again, refresh=shown.refresh)
    return heard, time.monotonic() - begun


@contextmanager
def interruptible(engine: Engine, note: Callable[[str], object]) -> Generator[None]:
    """Ctrl-C, and a polite end by another program, ask the engine to stop; it stops once it may."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    asked = 0.0

    def ask(_signal: int, _frame: FrameType | None) -> None:
        nonlocal asked
        before, asked = asked, time.monotonic()
        if engine.command.interrupted and asked - before < SAME_S:
            return
        if engine.command.interrupted:
            note("stopping at once")
        else:
            note("stopping once the running steps are done; Ctrl-C again stops at once and may leave one unrecorded")
        engine.command.interrupt()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _watching(shown: Display, parts: Sequence[tuple[KubeContext, Settings]], transfers: Transfers) -> Generator[None]:
    """Agents are asked only where their answers are shown."""
    with ExitStack() as stack:
        for context, settings in parts if isinstance(shown, Bars) else ():
            stack.enter_context(Watch(context, settings, transfers))
        yield


def _run(
    work: Callable[[], None], heard: Heard, failed: str, again: str, *, refresh: Callable[[], None] | None = None
) -> None:
    """Do the work in a thread of its own: signals reach the main thread, and only if it is not stuck in a wait."""
    raised: list[BaseException] = []

    def body() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001
            raised.append(error)

    thread = threading.Thread(target=body, name="engine")
    thread.start()
    while thread.is_alive():
        thread.join(REFRESH_S)
        if refresh is not None:
            refresh()
    if not raised:
        return
    error = raised[0]
    if isinstance(error, InterruptedByUserError):
        raise CliError(f"interrupted; {_finished(heard)}", again, code=Exit.INTERRUPTED) from error
    if isinstance(error, CommandError):
        told = heard.told() or _last_words(str(error))
        raise CliError(f"{failed}:\n{told}", again, details={"changes": dict(heard.changes)}) from error
    raise error


def _finished(heard: Heard) -> str:
    done = sum(step.state == "done" for step in heard.steps.values())
    return f"{done} changes were finished and are kept" if done else "nothing was changed in the cluster"


def _last_words(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return "\n".join(lines[-15:])


__all__ = ["Heard", "interruptible", "message", "preview", "update"]
