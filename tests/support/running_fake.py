"""The fake Ollama as a process, with an echo service in front of it, and loads that are sent at either."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.echo.harness import Echo
from tests.support.processes import Server, free_port


class FakeOllama(Server):
    """`python -m tests.support.fake_ollama`.

    Attributes:
        url: its base URL.
    """

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "tests.support.fake_ollama", str(port)]
        super().__init__(command, ready=f"{self.url}/api/version", log=folder / "fake.log")


def before(fake: FakeOllama, folder: Path, **settings: Any) -> Echo:
    """Return a service in front of the fake, not yet started."""
    return Echo(folder / "echo", [{"name": "fake", "url": fake.url, "slots": 1000}], **settings)


def load(url: str, key: str, *, streams: int, events: int, every_s: float, api: str = "ollama") -> dict[str, Any]:
    """Run a load in a process of its own, and return its figures."""
    arguments = [url, key, str(streams), str(events), str(every_s), api]
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.stream_load", *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    return json.loads(done.stdout)


def peak_mb(pid: int) -> float:
    """Return the most memory that a process had, MB."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(text.split("VmHWM:")[1].split()[0]) * 1024 / 1e6
