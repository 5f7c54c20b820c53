"""The supervisor seen from a command: start it, find it, ask it, end it and all that it started."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolchain.node import background
from toolchain.node.processes import digest
from toolchain.node.sandbox import tail
from toolchain.node.spec import Process
from toolchain.reduced import ours
from toolchain.reduced.errors import ReducedError
from toolchain.reduced.layout import ReducedLayout
from toolchain.reduced.spec import SOCKET, SupervisorSpec

_STOP_S = 10.0
_POLL_S = 0.05
_CODE = {"node": ("linux.py", "spec.py", "supervisor.py"), "reduced": ("spec.py", "supervise.py")}


class Keeper:
    """One checkout's supervisor."""

    def __init__(self, layout: ReducedLayout) -> None:
        self._layout = layout

    def find(self) -> int | None:
        """Its process id; None when it does not run."""
        return background.find(self._layout.record)

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any] | None:
        """An answer; None when nobody answers."""
        try:
            folder = os.open(self._layout.run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            # By way of the open folder, so that the path stays short wherever the checkout lies.
            return background.ask(f"/proc/self/fd/{folder}/{SOCKET}", request)
        finally:
            os.close(folder)

    def status(self) -> dict[str, Any] | None:
        """What the supervisor says of its processes; None when it does not run."""
        return self.ask({"op": "status"}) if self.find() is not None else None

    def bring(self, processes: tuple[Process, ...]) -> bool:
        """Makes ``processes`` what runs; True when the supervisor was started for it.

        Raises:
            ReducedError: It does not come up; holds the end of its log.
        """
        spec = SupervisorSpec(_code(), str(self._layout.run), str(self._layout.logs), processes)
        if self.status() is not None and self._runs_same_code(spec):
            self.ask({"op": "apply", "processes": [process.to_wire() for process in processes]})
            self._end_strays()
            return False
        # Also without a supervisor: one that was killed left its processes behind, with our ports.
        self.end()
        self._boot(spec)
        return True

    def end(self) -> None:
        """Ends the supervisor and every process that it or its children started.

        Raises:
            ReducedError: One does not die.
        """
        pid = self.find()
        if pid is not None:
            self.ask({"op": "stop"})
            deadline = time.monotonic() + _STOP_S
            while self.find() is not None and time.monotonic() < deadline:
                time.sleep(_POLL_S)
        if self._layout.mark_file.exists():
            ours.end(ours.read_mark(self._layout.mark_file))

    def _end_strays(self) -> None:
        """Ends what a process left that died alone: an Ollama's runner keeps its model in memory for ever."""
        mark = ours.read_mark(self._layout.mark_file)
        supervisor = self.find()
        found = ours.find(mark)
        # Asked after looking: whatever it started meanwhile is in the answer, and not among those found.
        answer = self.status()
        if answer is None:
            return
        kept = {process["pid"] for process in answer["processes"]}
        for pid in found:
            if pid not in kept and ours.parent(pid) == supervisor:
                ours.send(pid, mark, signal.SIGKILL)

    def _runs_same_code(self, spec: SupervisorSpec) -> bool:
        try:
            return SupervisorSpec.from_json(self._layout.spec_file.read_text()).code == spec.code
        except (FileNotFoundError, ValueError, KeyError):
            return False

    def _boot(self, spec: SupervisorSpec) -> None:
        layout = self._layout
        for stale in (layout.record, layout.api_mark):
            stale.unlink(missing_ok=True)
        layout.spec_file.write_text(spec.to_json())
        log_path = layout.logs / "supervisor.log"
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(layout.ollama),
            # Models that the store lacks come from outside, where a proxy may be the only way.
            **{name: value for name, value in os.environ.items() if name.lower() in _PROXIES},
            ours.VARIABLE: ours.read_mark(layout.mark_file),
        }
        pid = background.start(
            "toolchain.reduced.supervise",
            layout.spec_file,
            environment=environment,
            log=log_path,
            record=layout.record,
            answers=lambda: self.status() is not None,
        )
        if pid is not None:
            return
        raise ReducedError(f"the supervisor did not come up:\n{tail(log_path)}", f"read {log_path}")


_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "ssl_cert_file", "ssl_cert_dir")


def _code() -> str:
    package = Path(__file__).resolve().parent
    return "-".join(digest([package.parent / folder], files) for folder, files in _CODE.items())
