"""The whole suite in lanes beside each other: tests of servers mostly wait, and others compute meanwhile.

A test that fails while another lane takes the machine's time may be wrong, or only in a hurry. So a few that failed are
run again with nothing beside them: those that fail alone fail the suite, those that pass alone are named at its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from toolchain.build.progress import Reporter

MOST_AGAIN = 5
"""Failures of a lane that are tried again; more than these are no accident."""

LANES = ("cluster", "ollama and not cluster", "not ollama and not cluster")
"""Markers of each lane's tests. The first is shown while it runs: it takes the longest."""

_TESTS_FAILED = 1
_END_S = 30.0


@dataclass(frozen=True)
class _Lane:
    marker: str
    state: Path

    def command(self, *more: str) -> list[str]:
        # A cache each: both write which tests failed.
        cache = f"cache_dir={self._folder}"
        return [sys.executable, "-m", "pytest", "-o", cache, "-m", self.marker, *more]

    def forget(self) -> None:
        """Drop what an earlier run left: a lane that dies early must not be judged by it."""
        self._record.unlink(missing_ok=True)

    def failed(self) -> list[str]:
        """Ids of the tests that failed."""
        return sorted(json.loads(self._record.read_text())) if self._record.exists() else []

    @property
    def log(self) -> Path:
        """What it writes, where it is not shown while it runs."""
        return self._folder.with_suffix(".log")

    @property
    def _folder(self) -> Path:
        return self.state / self.marker.replace(" ", "-")

    @property
    def _record(self) -> Path:
        return self._folder / "v" / "cache" / "lastfailed"


def run(folder: Path, variables: Mapping[str, str], state: Path, report: Reporter) -> int:
    """Run the lanes beside each other, then what failed alone; returns 0, or the exit code of a lane that failed.

    Args:
        folder: the checkout.
        variables: the whole environment.
        state: a folder for the lanes' records, and for what all but the first write; that is shown once they ended.
        report: told the steps.
    """
    state.mkdir(parents=True, exist_ok=True)
    first, *others = lanes = [_Lane(marker, state) for marker in LANES]
    for lane in lanes:
        lane.forget()
    logs = ", ".join(str(lane.log) for lane in others)
    report.line(f"tests without the cluster run beside those of it, and are shown after them ({logs})")
    with ExitStack() as running:
        beside = [running.enter_context(_begun(lane, folder, variables)) for lane in others]
        codes = [subprocess.run(first.command(), cwd=folder, env=variables, check=False).returncode]
        with report.step("Waiting for the tests without the cluster"):
            codes += [process.wait() for process in beside]
    for lane in others:
        sys.stdout.write(lane.log.read_text(errors="replace"))
    sys.stdout.flush()
    codes = [_again(lane, code, folder, variables, report) for lane, code in zip(lanes, codes, strict=True)]
    return next((code for code in codes if code), 0)


@contextmanager
def _begun(lane: _Lane, folder: Path, variables: Mapping[str, str]) -> Generator[subprocess.Popen[bytes]]:
    with lane.log.open("wb") as out:
        process = subprocess.Popen(lane.command(), cwd=folder, env=variables, stdout=out, stderr=subprocess.STDOUT)
        try:
            yield process
        finally:
            _end(process)


def _again(lane: _Lane, code: int, folder: Path, variables: Mapping[str, str], report: Reporter) -> int:
    failed = lane.failed()
    if code != _TESTS_FAILED or not 0 < len(failed) <= MOST_AGAIN:
        return code
    report.line(f"{len(failed)} of the tests marked `{lane.marker}` failed beside others: once more, alone")
    code = subprocess.run(lane.command("--last-failed"), cwd=folder, env=variables, check=False).returncode
    steady = set(lane.failed())
    for test in failed:
        if test not in steady:
            report.line(f"UNSTEADY, to be mended: {test} failed beside others and passed alone")
    return code


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
