"""A stack that is changed by the command line alone, each command in a process of its own."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import yaml

from tests.support.stack import LiveStack
from toolchain.paths import CHECKOUT

LIMIT_S = 200.0
"""For one command that deploys no database."""


@dataclass(frozen=True)
class Outcome:
    """What a command ended with."""

    code: int
    stdout: str
    stderr: str

    @property
    def document(self) -> dict[str, Any]:
        """Standard output, which is one JSON document."""
        found: dict[str, Any] = json.loads(self.stdout)
        return found


class CliStack(LiveStack):
    """A stack that is changed by the command line alone."""

    def begin(self, head: str) -> None:
        """Write the file as a person would, comments included."""
        self._config.write_text(head + yaml.safe_dump(self._salt))

    @property
    def text(self) -> str:
        """The stack's file."""
        return self._config.read_text()

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command, as a shell does: in a process group of its own."""
        command = [sys.executable, "-m", "cli", *arguments, "--stack", self.name, "--config-file", str(self._config)]
        return subprocess.Popen(
            command,
            cwd=CHECKOUT,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            process_group=0,
        )

    @staticmethod
    def stop(process: subprocess.Popen[str]) -> None:
        """End a command that takes too long: by force only at last, since that leaves the engine running."""
        for _ in range(2):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(15)
        if process.poll() is None:
            process.kill()

    def run(self, *arguments: str, limit_s: float = LIMIT_S) -> Outcome:
        """Run a command to its end."""
        process = self.start(*arguments)
        try:
            stdout, stderr = process.communicate(timeout=limit_s)
        finally:
            self.stop(process)
        return Outcome(process.returncode, stdout, stderr)
