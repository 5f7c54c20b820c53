"""A real Redis on loopback: Debian's server, nothing on disk, a password, memory that can run out."""

from __future__ import annotations

import secrets
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.prepared import prepared
from tests.support.processes import free_port

_START_S = 60.0


class RedisServer:
    """One server, that can be killed and started again at the same address."""

    def __init__(self, home: Path, *options: str) -> None:
        """Prepare it.

        Args:
            home: a folder for its log.
            options: of its command line, such as ``--maxmemory``.
        """
        self.port = free_port()
        self.password = secrets.token_hex(12)
        self._home = home
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is, with the password."""
        return f"redis://default:{self.password}@127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it and wait until it takes connections.

        Raises:
            RuntimeError: it did not.
        """
        command = [
            str(prepared("ECHORATOR_REDIS")), "--bind", "127.0.0.1", "--port", str(self.port), "--save", "",
            "--appendonly", "no", "--requirepass", self.password, "--dir", str(self._home), *self._options,
        ]  # fmt: skip
        with (self._home / "redis.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + _START_S
        while time.monotonic() < end and self._process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=5).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        self.kill()
        raise RuntimeError((self._home / "redis.log").read_text(errors="replace")[-2000:])

    def kill(self) -> None:
        """End it at once, with all that it holds."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(30)
            self._process = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()
