"""PostgreSQL is killed under a steady load of writes: no acknowledged memory is lost, none is there twice.

The server is a process on this machine. `make drill OF=memory` does the same to the database of a cluster.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

import pytest

from tests.support.memory_service import Running
from tests.support.postgres import SERVICE, Postgres, find_wheel

pytestmark = pytest.mark.timeout(400)

LOAD = Path(__file__).parents[1] / "memory_store" / "memory_load.py"
CHECKOUT = Path(__file__).parents[2]
WRITERS = 4
KILLS = 2


def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path) -> None:
    # One of its own: it is killed.
    with Postgres(find_wheel()) as server:
        file = tmp_path / "url"
        file.write_text(server.url(server.create(), SERVICE))
        command = [sys.executable, "-c", LOAD.read_text(), str(WRITERS), str(file)]
        with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, cwd=CHECKOUT) as process:
            try:
                load = Running(process)
                load.wait_for("something is acknowledged", lambda told: told["acknowledged"] > 0)
                for _ in range(KILLS):
                    before = load.told["acknowledged"]
                    server.kill()
                    server.launch()
                    load.wait_for("more is acknowledged", lambda told, least=before: told["acknowledged"] > least + 20)
                told = load.end()
            finally:
                process.kill()
    assert told["lost"] == 0
    assert told["doubled"] == 0
    assert told["again"] > 0
    assert 0 <= told["held"] - told["acknowledged"] <= WRITERS, told
