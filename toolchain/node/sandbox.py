"""The node seen from the host: start its namespaces, find them, talk to PID 1, run inside, end it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from toolchain.node import background, cgroups, linux
from toolchain.node.errors import NodeError
from toolchain.node.layout import NodeLayout
from toolchain.node.spec import NodeSpec

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_END_TIMEOUT_S = 20.0


def tail(path: Path, lines: int = 12) -> str:
    """The end of a log; empty when there is none."""
    if not path.exists():
        return ""
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - 16384))
        return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])


class Sandbox:
    """Namespaces of one node, addressed by the host's process id of their PID 1."""

    def __init__(self, layout: NodeLayout) -> None:
        self._layout = layout

    def find(self) -> int | None:
        """Process id, on the host, of the node's PID 1; None when the node does not run."""
        return background.find(self._layout.init_record)

    def boot(self, spec: NodeSpec) -> int:
        """Starts PID 1 and waits until it answers; returns its process id on the host.

        Raises:
            NodeError: It ended, or did not answer in time; the message holds the end of its log.
        """
        layout = self._layout
        for stale in (layout.init_record, layout.control_socket, layout.api_mark):
            stale.unlink(missing_ok=True)
        layout.spec_file.write_text(spec.to_json())
        log_path = layout.logs / "init.log"
        pid = background.start(
            "toolchain.node.init",
            layout.spec_file,
            environment={"PATH": _PATH, "HOME": "/root"},
            log=log_path,
            record=layout.init_record,
            answers=lambda: self.control({"op": "status"}) is not None,
        )
        if pid is not None:
            return pid
        raise NodeError(
            f"the node's first process did not come up:\n{tail(log_path)}",
            f"read {log_path}; `make down` then `make up` starts afresh",
        )

    def control(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """Asks PID 1; None when nobody answers."""
        return background.ask(str(self._layout.control_socket), request)

    def run_inside(
        self,
        argv: Sequence[str],
        *,
        check: bool = True,
        capture: bool = True,
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        """Runs a command in all of the node's namespaces, in its root folder.

        The command dies with the node. It sees the host's files read-only, but for an own /run, /tmp,
        /var/lib, /var/log and /var/tmp.

        Raises:
            NodeError: The node does not run.
            subprocess.CalledProcessError: The command failed and ``check`` is set.
            subprocess.TimeoutExpired: It took longer than ``timeout_s``.
        """
        return subprocess.run(
            self.command(argv),
            check=check,
            capture_output=capture,
            input=stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            env={**os.environ, "PATH": _PATH, **(env or {})},
            timeout=timeout_s,
        )

    def command(self, argv: Sequence[str]) -> list[str]:
        """Command line that runs ``argv`` inside the node, for callers that start it themselves.

        Raises:
            NodeError: The node does not run.
        """
        pid = self.find()
        if pid is None:
            raise NodeError("the local node does not run", "make up")
        return ["nsenter", "-t", str(pid), "-m", "-p", "-n", "-u", "-i", "--", *argv]

    def end(self) -> None:
        """Stops the node: politely through PID 1, else by killing it. Nothing survives it.

        Raises:
            NodeError: A process does not die, which means that it hangs in the kernel.
        """
        pid = self.find()
        if pid is not None:
            self.control({"op": "stop"})
            if not self._wait_gone(pid, _END_TIMEOUT_S / 2):
                os.kill(pid, signal.SIGKILL)
                self._wait_gone(pid, _END_TIMEOUT_S / 2)
        self._kill_strays()

    def _wait_gone(self, pid: int, timeout_s: float) -> bool:
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if linux.process_start_time(pid) is None:
                return True
            time.sleep(0.02)
        return False

    def _kill_strays(self) -> None:
        """Ends what is left in the node's cgroups: a PID 1 that was never noted, or one just dying."""
        found = cgroups.hierarchies()
        deadline = time.monotonic() + _END_TIMEOUT_S
        while left := cgroups.pids(self._layout.name, found):
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            if time.monotonic() > deadline:
                raise NodeError(
                    f"processes {sorted(left)} of the node do not die",
                    "they hang in the kernel (see `cat /proc/PID/stack`); a reboot ends them",
                )
            time.sleep(0.05)
