"""`ensure_all` over 250, 500 and 1,000 fake servers with 20 models each: peak memory, and time.

Each size runs in a process of its own, as the peak of one would hide that of the next. It judges the bounds that the
design promises: under 300 MB, and processor time that grows with the servers and not faster (time on the clock is
printed, and depends on what else the machine does). See `tests/bench/fleet.py` for
what the fakes are and are not.
"""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from rich.console import Console
from rich.table import Table

from tests.bench.fleet import MODELS

SIZES = (250, 500, 1000)
MOST_MB = 300
SLACK = 1.3
"""Much more than its share the largest run may take: caches of a shared processor are colder."""


@pytest.mark.timeout(900)
def test_many_servers() -> None:
    runs = [_run(size) for size in SIZES]
    table = Table("servers", "models", "pull all, s", "of processor", "look again, s", "of processor", "peak MB")
    for run in runs:
        times = [f"{run[field]:.1f}" for field in ("pull_s", "pull_cpu_s", "look_s", "look_cpu_s")]
        table.add_row(f"{run['servers']}", f"{run['servers'] * MODELS}", *times, f"{run['peak_mb']:.0f}")
    Console(width=110).print(table)
    assert max(run["peak_mb"] for run in runs) < MOST_MB
    for field in ("pull_cpu_s", "look_cpu_s"):
        growth = runs[-1][field] / runs[0][field]
        assert growth < SLACK * SIZES[-1] / SIZES[0], f"{field} grows faster than the servers"


def _run(size: int) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.fleet", str(size)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
    return json.loads(done.stdout)
