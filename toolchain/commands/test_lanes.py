"""The whole suite in two lanes: tests of the cluster mostly wait, and the others compute meanwhile."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from toolchain.build.progress import Reporter

CLUSTER, OTHERS = "cluster", "not cluster"
"""Marker expressions of the two lanes."""

_END_S = 30.0


def run(folder: Path, variables: Mapping[str, str], log: Path, report: Reporter) -> int:
    """Run both lanes beside each other; returns 0, or the exit code of the first that failed.

    Args:
        folder: the checkout.
        variables: the whole environment.
        log: takes what the lane without the cluster writes; it is shown once the other has ended.
        report: told the steps.
    """
    report.line(f"the tests without the cluster run beside those of it, and are shown after them ({log})")
    with log.open("wb") as out:
        others = subprocess.Popen(_command(OTHERS), cwd=folder, env=variables, stdout=out, stderr=subprocess.STDOUT)
        try:
            first = subprocess.run(_command(CLUSTER), cwd=folder, env=variables, check=False).returncode
            with report.step("Waiting for the tests without the cluster"):
                second = others.wait()
        finally:
            _end(others)
    sys.stdout.write(log.read_text(errors="replace"))
    return first or second


def _command(marker: str) -> list[str]:
    # Without the cache: both would write it.
    return [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", marker]


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
