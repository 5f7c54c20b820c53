"""What a user, or a CI log, sees of a step. How it looks in colour on a real terminal is not shown."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from toolchain.build.failures import BuildCancelledError
from toolchain.build.progress import Reporter, Step, duration
from toolchain.build.timings import Timing, Timings


def lines(screen: io.StringIO) -> list[str]:
    return [re.sub(r"^\d\d:\d\d:\d\d ", "", line) for line in screen.getvalue().splitlines()]


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_plain_start_and_end(reporter: Reporter, screen: io.StringIO, tmp_path: Path) -> None:
    with reporter.step("Building kubelet", total=2, unit="packages") as step:
        step.advance()
        step.advance()
    assert lines(screen)[0] == "Building kubelet"
    assert re.fullmatch(r"done: Building kubelet in \d+ s", lines(screen)[-1])
    kept = Timings(tmp_path / "timings.json").last("Building kubelet")
    assert kept is not None
    assert kept.total == 2


def test_plain_says_last_time(reporter: Reporter, screen: io.StringIO, tmp_path: Path) -> None:
    Timings(tmp_path / "timings.json").record("k8s", Timing(seconds=297))
    with reporter.step("Building Kubernetes", key="k8s"):
        pass
    assert lines(screen)[0] == "Building Kubernetes (4 min 57 s last time)"


def test_heartbeat_says_how_far(reporter: Reporter, screen: io.StringIO) -> None:
    with reporter.step("Building kubelet", total=1200, unit="packages", expected_s=3600) as step:
        step.update(done=800)
        step.detail("k8s.io/api")
        until(lambda: "still" in screen.getvalue())
        told = next(line for line in lines(screen) if line.startswith("still"))
    how_far = r"800 of 1200 packages, \d+ s so far, about (59 min \d+|60 min 0) s to go, k8s\.io/api"
    assert re.fullmatch(f"still building kubelet: {how_far}", told)


def test_no_heartbeat_after_the_end(reporter: Reporter, screen: io.StringIO) -> None:
    with reporter.step("A"):
        pass
    said = screen.getvalue()
    time.sleep(0.2)
    assert screen.getvalue() == said
    assert "heartbeat" not in [thread.name for thread in threading.enumerate() if thread.is_alive()]


@pytest.mark.parametrize(
    ("error", "word"), [(ValueError, "FAILED"), (KeyboardInterrupt, "stopped"), (BuildCancelledError, "stopped")]
)
def test_failure_is_no_timing(
    reporter: Reporter, screen: io.StringIO, tmp_path: Path, error: type[BaseException], word: str
) -> None:
    with pytest.raises(error), reporter.step("A"):
        raise error("x")
    assert re.fullmatch(rf"{word}: A after \d+ s", lines(screen)[-1])
    assert Timings(tmp_path / "timings.json").last("A") is None


def test_an_unwritable_book_is_said_and_no_failure(screen: io.StringIO, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    reporter = Reporter(Console(file=screen), timings=Timings(tmp_path / "file" / "timings.json"))
    with reporter.step("A"):
        pass
    assert "could not keep how long this took" in lines(screen)[-1]


def test_terminal_shows_bars_and_leaves_one_line_a_step(tmp_path: Path) -> None:
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=160, color_system=None)
    reporter = Reporter(console, timings=Timings(tmp_path / "timings.json"))
    with reporter.step("Building [kubelet]", total=10, unit="packages") as one, reporter.step("Fetching") as two:
        one.update(done=4)
        two.detail("x" * 200)
        until(lambda: "4 of 10 packages" in screen.getvalue())
    assert "Building [kubelet]" in screen.getvalue()
    assert re.search(r"done: Fetching in \d+ s\n", screen.getvalue())
    assert re.search(r"done: Building \[kubelet\] in \d+ s\n", screen.getvalue())


def test_counted_never_passes_its_total() -> None:
    step = Step("A", 10, "packages", None, 0.0, lambda _: None, done=12)
    assert step.counted() == "12 of 12 packages"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (297, "4 min 57 s")])
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text
