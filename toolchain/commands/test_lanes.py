"""The whole suite in two lanes: tests of the cluster mostly wait, and the others compute meanwhile.

A test that fails while another lane takes the machine's time may be wrong, or only in a hurry. So a few that failed are
run again with nothing beside them: those that fail alone fail the suite, those that pass alone are named at its end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from toolchain.build.progress import Reporter

MOST_AGAIN = 5
"""Failures of a lane that are tried again; more than these are no accident."""

_TESTS_FAILED = 1
_END_S = 30.0


@dataclass(frozen=True)
class _Lane:
    marker: str
    folder: Path

    def command(self, *more: str) -> list[str]:
        # A cache each: both write which tests failed.
        cache = f"cache_dir={self.folder / self.marker.replace(' ', '-')}"
        return [sys.executable, "-m", "pytest", "-o", cache, "-m", self.marker, *more]

    def forget(self) -> None:
        """Drop what an earlier run left: a lane that dies early must not be judged by it."""
        self._record.unlink(missing_ok=True)

    def failed(self) -> list[str]:
        """Ids of the tests that failed."""
        return sorted(json.loads(self._record.read_text())) if self._record.exists() else []

    @property
    def _record(self) -> Path:
        return self.folder / self.marker.replace(" ", "-") / "v" / "cache" / "lastfailed"


def run(folder: Path, variables: Mapping[str, str], state: Path, report: Reporter) -> int:
    """Run both lanes beside each other, then what failed alone; returns 0, or the exit code of a lane that failed.

    Args:
        folder: the checkout.
        variables: the whole environment.
        state: a folder for the lanes' records, and for what the lane without the cluster writes; that is shown once
            the other has ended.
        report: told the steps.
    """
    state.mkdir(parents=True, exist_ok=True)
    cluster, others = _Lane("cluster", state), _Lane("not cluster", state)
    for lane in (cluster, others):
        lane.forget()
    log = state / "without-cluster.log"
    report.line(f"the tests without the cluster run beside those of it, and are shown after them ({log})")
    with log.open("wb") as out:
        beside = subprocess.Popen(others.command(), cwd=folder, env=variables, stdout=out, stderr=subprocess.STDOUT)
        try:
            first = subprocess.run(cluster.command(), cwd=folder, env=variables, check=False).returncode
            with report.step("Waiting for the tests without the cluster"):
                second = beside.wait()
        finally:
            _end(beside)
    sys.stdout.write(log.read_text(errors="replace"))
    sys.stdout.flush()
    codes = [_again(lane, code, folder, variables, report) for lane, code in ((cluster, first), (others, second))]
    return next((code for code in codes if code), 0)


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
