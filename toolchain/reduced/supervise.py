"""The process that keeps all others: ``python -m toolchain.reduced.supervise SPEC``.

It forks, notes the child and leaves. The child is the supervisor of the node, without the node's namespaces.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from pathlib import Path

from toolchain.node import linux
from toolchain.node.supervisor import Supervisor
from toolchain.reduced.spec import SOCKET, SupervisorSpec

_PR_SET_CHILD_SUBREAPER = 36


def main(spec_path: str) -> int:
    """Starts the supervisor; returns in the parent once the child is noted."""
    spec = SupervisorSpec.from_json(Path(spec_path).read_text())
    noted_read, noted_write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(noted_write)
        if os.read(noted_read, 1) != b"+":
            return 1  # the parent died before it noted this process
        os.close(noted_read)
        _supervise(spec)
        return 0
    record = Path(spec.run, "supervisor.json")
    part = record.with_suffix(".part")
    part.write_text(json.dumps({"pid": child, "start_time": linux.process_start_time(child)}))
    part.rename(record)
    os.write(noted_write, b"+")
    return 0


def _supervise(spec: SupervisorSpec) -> None:
    os.setsid()
    # A unix socket's path ends at 107 bytes, and a checkout may lie deeper.
    os.chdir(spec.run)
    os.umask(0o077)
    # The runners of an Ollama that was killed become ours, and so are reaped.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    supervisor = Supervisor(Path(spec.logs), Path(SOCKET))
    supervisor.apply(spec.processes)
    supervisor.run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
