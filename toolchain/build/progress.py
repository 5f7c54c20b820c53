"""What a long step does, how far it is and how long it took last time: bars on a terminal, plain lines in a log.

with progress.step("Building kubelet", total=1200, unit="packages") as step:
    step.advance()
    step.detail("k8s.io/api/core/v1")
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from toolchain import paths
from toolchain.build.failures import BuildCancelledError
from toolchain.build.timings import Timing, Timings

HEARTBEAT_S = 30.0
_MINUTE_S = 60
_DETAIL_WIDTH = 48


def duration(seconds: float) -> str:
    """Seconds as a person says them: ``8 s``, ``4 min 57 s``."""
    whole = round(seconds)
    if whole < _MINUTE_S:
        return f"{whole} s"
    return f"{whole // _MINUTE_S} min {whole % _MINUTE_S} s"


@dataclass(eq=False)
class Step:
    """One running step. Its methods may be called from any thread."""

    title: str
    total: int | None
    unit: str
    expected_s: float | None
    started: float
    _show: Callable[[Step], None]
    done: int = 0
    detail_text: str = ""
    said_at: float = 0.0
    task: TaskID | None = None

    def advance(self, count: int = 1) -> None:
        """Count some units of work as done."""
        self.done += count
        self._show(self)

    def update(self, *, done: int | None = None, total: int | None = None) -> None:
        """Set how much is done, and of how much."""
        if done is not None:
            self.done = done
        if total is not None:
            self.total = total
        self._show(self)

    def detail(self, text: str) -> None:
        """Say what is at work right now. Seen on a terminal and in heartbeats."""
        self.detail_text = text
        self._show(self)

    def counted(self) -> str:
        """``812 of 1875 packages``, or nothing for a step that counts nothing."""
        if self.total is None:
            return f"{self.done} {self.unit}".strip() if self.done else ""
        # The total is an estimate where a cache is warm in parts: "1900 of 1875" helps nobody.
        return f"{self.done} of {max(self.total, self.done)} {self.unit}".strip()


class Reporter:
    """Shows the steps that run, any number at a time.

    Args:
        console: where to; standard output when None.
        timings: how long steps took last time; the cache's book when None.
        heartbeat_s: seconds between two lines of a running step where there is no terminal.
    """

    def __init__(
        self, console: Console | None = None, *, timings: Timings | None = None, heartbeat_s: float = HEARTBEAT_S
    ) -> None:
        self._console = console if console is not None else Console(highlight=False)
        self._timings = timings if timings is not None else Timings(paths.cache_dir() / "timings.json")
        self._heartbeat_s = heartbeat_s
        self._steps: list[Step] = []
        self._lock = threading.RLock()
        self._idle = threading.Event()
        self._bars: Progress | None = None

    def line(self, text: str) -> None:
        """One line, above the bars where there are any."""
        if self._console.is_terminal:
            self._console.print(escape(text))
            return
        stamp = datetime.now().astimezone().strftime("%H:%M:%S")
        # One write a line, unwrapped: a log is searched by line, and two threads may speak at once.
        self._console.file.write(f"{stamp} {text}\n")
        self._console.file.flush()

    @contextmanager
    def step(
        self,
        title: str,
        *,
        key: str | None = None,
        total: int | None = None,
        unit: str = "",
        expected_s: float | None = None,
    ) -> Generator[Step]:
        """Show a step while the ``with`` block runs, and remember how long it took.

        Args:
            title: what it does, as a participle: "Building kubelet".
            key: its name in the book of timings; the title when None.
            total: units of work it will count to, if known.
            unit: their name: "packages".
            expected_s: seconds it should take; last time's when None.
        """
        name = key if key is not None else title
        last = self._timings.last(name)
        if expected_s is None and last is not None:
            expected_s = last.seconds
        now = time.monotonic()
        step = Step(title, total, unit, expected_s, now, self._show, said_at=now)
        self._begin(step)
        try:
            yield step
        except (KeyboardInterrupt, BuildCancelledError):
            self._finish(step, "stopped", " after ")
            raise
        except BaseException:
            self._finish(step, "FAILED", " after ")
            raise
        took = self._finish(step, "done", " in ")
        try:
            self._timings.record(name, Timing(seconds=round(took, 1), total=step.done or None))
        except OSError as error:
            self.line(f"note: could not keep how long this took: {error}")

    def _begin(self, step: Step) -> None:
        with self._lock:
            self._steps.append(step)
            if self._console.is_terminal:
                self._begin_bar(step)
                return
            ago = "" if step.expected_s is None else f" ({duration(step.expected_s)} last time)"
            self.line(f"{step.title}{ago}")
            if len(self._steps) == 1:
                self._idle = threading.Event()
                threading.Thread(target=self._beat, args=(self._idle,), name="heartbeat", daemon=True).start()

    def _finish(self, step: Step, outcome: str, joint: str) -> float:
        took = time.monotonic() - step.started
        with self._lock:
            self._steps.remove(step)
            if self._bars is not None and step.task is not None:
                self._bars.remove_task(step.task)
            if not self._steps:
                self._idle.set()
                if self._bars is not None:
                    self._bars.stop()
                    self._bars = None
            self.line(f"{outcome}: {step.title}{joint}{duration(took)}")
        return took

    def _begin_bar(self, step: Step) -> None:
        if self._bars is None:
            self._bars = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[count]}"),
                TimeElapsedColumn(),
                TextColumn("[dim]{task.fields[last]}{task.fields[detail]}"),
                console=self._console,
                refresh_per_second=4,
                transient=True,
            )
            self._bars.start()
        last = "" if step.expected_s is None else f"{duration(step.expected_s)} last time "
        step.task = self._bars.add_task(
            escape(step.title), total=step.total, completed=step.done, count="", last=last, detail=""
        )

    def _show(self, step: Step) -> None:
        with self._lock:
            if self._bars is None or step.task is None:
                return
            self._bars.update(
                step.task,
                completed=min(step.done, step.total) if step.total is not None else step.done,
                total=step.total,
                count=escape(step.counted()),
                detail=escape(step.detail_text[-_DETAIL_WIDTH:]),
            )

    def _beat(self, idle: threading.Event) -> None:
        while not idle.wait(min(1.0, self._heartbeat_s / 4)):
            with self._lock:
                now = time.monotonic()
                for step in self._steps:
                    if now - step.said_at >= self._heartbeat_s:
                        step.said_at = now
                        self.line(self._alive(step, now))

    def _alive(self, step: Step, now: float) -> str:
        elapsed = now - step.started
        parts = [f"{duration(elapsed)} so far"]
        if step.counted():
            parts.insert(0, step.counted())
        if step.expected_s is not None and step.expected_s > elapsed:
            parts.append(f"about {duration(step.expected_s - elapsed)} to go")
        if step.detail_text:
            parts.append(step.detail_text)
        return f"still {step.title[0].lower()}{step.title[1:]}: {', '.join(parts)}"


_default: list[Reporter] = []


def reporter() -> Reporter:
    """The process's one reporter, so that steps of different modules share a screen."""
    if not _default:
        _default.append(Reporter())
    return _default[0]


def step(
    title: str, *, key: str | None = None, total: int | None = None, unit: str = "", expected_s: float | None = None
) -> AbstractContextManager[Step]:
    """:meth:`Reporter.step` of the process's reporter."""
    return reporter().step(title, key=key, total=total, unit=unit, expected_s=expected_s)
