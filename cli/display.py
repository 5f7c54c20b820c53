"""What is seen while an update runs: bars on a terminal, plain lines anywhere else."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.spinner import Spinner
from rich.table import Column
from rich.text import Text

from cli.engine_events import Event, Said, Step
from cli.render import step_line
from cli.transfers import DONE, Transfers

_SHOWN = ("info", "info#err", "warning", "error")
_STYLES = {"error": "red", "warning": "yellow"}


class Display(Protocol):
    """Takes the engine's events, from any thread."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def event(self, event: Event) -> None:
        """Something that the engine says."""
        ...

    def note(self, text: str) -> None:
        """A word of this program's own."""
        ...

    def refresh(self) -> None:
        """The transfers may have moved."""
        ...


def message(said: Said) -> Text | None:
    """A line worth showing; None where it is not."""
    if said.severity not in _SHOWN or said.passing or not said.text.strip():
        return None
    about = f"{said.name}: " if said.name and said.severity in _STYLES else ""
    return Text(f"{about}{said.text}", style=_STYLES.get(said.severity, ""))


class Plain:
    """A line for each step that is done and each thing that is said."""

    def __init__(self, console: Console, transfers: Transfers) -> None:
        self._console = console
        self._transfers = transfers
        self._begun = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def event(self, event: Event) -> None:
        """Write it, if a person wants to read it."""
        line = _line(event)
        if line is not None:
            stamp = Text(f"{time.monotonic() - self._begun:6.1f} s  ", style="dim")
            self._console.print(stamp.append_text(line), soft_wrap=True)

    def note(self, text: str) -> None:
        """Write it."""
        self._console.print(Text(text), soft_wrap=True)

    def refresh(self) -> None:
        """Nothing moves in plain lines."""


class Bars:
    """A bar for each model on each replica, and one line on the steps; what is said scrolls by above them."""

    def __init__(self, console: Console, transfers: Transfers, planned: int) -> None:
        """Prepares.

        Args:
            console: a terminal.
            transfers: what the bars show.
            planned: how many steps the preview announced; 0 where there was none.
        """
        self._transfers = transfers
        self._planned = planned
        self._done = 0
        self._begun = time.monotonic()
        self._lock = threading.Lock()
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._spinner = Spinner("dots")
        self._progress = Progress(
            TextColumn("{task.fields[replica]}  {task.description}"),
            BarColumn(bar_width=24),
            _Bytes(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[phase]}", table_column=Column(no_wrap=True)),
            console=console,
            expand=False,
        )
        self._live = Live(self._body(), console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.refresh()
        self._live.__exit__(kind, value, trace)
        if self._tasks:
            self._live.console.print(self._progress)

    def event(self, event: Event) -> None:
        """Count a step; show what is said above the bars, unless a bar shows it."""
        if isinstance(event, Step) and event.state == "done" and event.counts:
            self._done += 1
        if isinstance(event, Said) and self._transfers.line(event.text):
            self.refresh()
            return
        line = _line(event)
        if line is not None:
            self._live.console.print(line, soft_wrap=True)

    def note(self, text: str) -> None:
        """Show it above the bars."""
        self._live.console.print(Text(text), soft_wrap=True)

    def refresh(self) -> None:
        """Move the bars to where the transfers are."""
        with self._lock:
            for key, transfer in self._transfers.all.items():
                task = self._tasks.get(key)
                if task is None:
                    task = self._progress.add_task(transfer.model, total=None, replica=transfer.replica, phase="")
                    self._tasks[key] = task
                detail = f": {transfer.detail}" if transfer.detail else ""
                self._progress.update(
                    task,
                    completed=transfer.completed,
                    total=transfer.total or (1 if transfer.phase == DONE else None),
                    phase=f"{transfer.phase}{detail}",
                )
            self._live.update(self._body())

    def _body(self) -> Group:
        of = f" of {self._planned}" if self._planned else ""
        seconds = time.monotonic() - self._begun
        self._spinner.update(text=Text(f"{self._done}{of} changes, {seconds:.0f} s"))
        return Group(self._progress, self._spinner)


class _Bytes(ProgressColumn):
    """`12.3/98.0 MB`; nothing while no size is known."""

    def __init__(self) -> None:
        super().__init__()
        self._column = DownloadColumn()

    def render(self, task: Task) -> Text:
        """Draw one task."""
        return self._column.render(task) if task.total and task.total > 1 else Text("")


def _line(event: Event) -> Text | None:
    if isinstance(event, Said):
        return message(event)
    if isinstance(event, Step) and event.state == "failed":
        return step_line(event.op, event.kind, event.name).append("  failed", style="bold red")
    if isinstance(event, Step) and event.state == "done" and event.counts:
        return step_line(event.op, event.kind, event.name, event.keys)
    return None
