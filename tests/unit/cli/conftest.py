"""A command line without an engine: its commands run in this process, against an API server on loopback.

The engine's place is taken by `FakeEngine`, which answers previews and updates with events that a test writes down;
all else is the real code, down to the requests. tests/integration/test_cli.py has the real engine and cluster.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cli import change, place
from cli.__main__ import app
from cli.engine_events import Event, Step, Summary
from tests.unit.cli import objects
from toolchain.session import Session

CONFIG = """\
# A stack of a test.
config:
  echorator:namespace: t   # apart from all others
  echorator:servers:
    - name: chat
      class: small
      models:
        - name: m:1   # the first
        - name: m:2
"""


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """The command line sets variables for the engine that it starts; they must not reach later tests."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


class Api:
    """An API server that has what a test puts into `paths`; all else is not found."""

    def __init__(self) -> None:
        self.paths: dict[str, Any] = {"/version": {"gitVersion": "v1.34.4"}}
        self.requests: list[str] = []
        state = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body go out apart: the second would wait 40 ms for the first to be acknowledged.
            disable_nagle_algorithm = True

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Says nothing."""

            def do_GET(self) -> None:
                path = self.path.partition("?")[0]
                state.requests.append(path)
                found = state.paths.get(path)
                body = json.dumps({"message": "not found"} if found is None else found).encode()
                self.send_response(404 if found is None else 200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def serve_chat(self, *reports: dict[str, Any], wanted: int = 1) -> None:
        """The server `chat` with a running pod for each report."""
        base = "/api/v1/namespaces/t-models"
        pods = [objects.pod(f"chat-{index}") for index in range(len(reports))]
        self.paths["/apis/apps/v1/namespaces/t-models/statefulsets"] = {"items": [objects.stateful_set("chat", wanted)]}
        self.paths[f"{base}/pods"] = {"items": pods}
        self.paths[f"{base}/persistentvolumeclaims"] = {"items": []}
        for index, report in enumerate(reports):
            self.paths[f"{base}/pods/chat-{index}:11436/proxy/v1/models"] = {**report, "replica": f"chat-{index}"}


@dataclass
class FakeEngine:
    """Answers with events, and remembers the configuration that it was given each time."""

    planned: list[Event] = field(default_factory=list[Event])
    happens: list[Event] = field(default_factory=list[Event])
    preview_error: Exception | None = None
    up_error: BaseException | None = None
    previewed: list[str] = field(default_factory=list[str])
    deployed: list[str] = field(default_factory=list[str])

    def __call__(self, where: place.Place) -> FakeEngine:
        self.config = where.config
        self.command = self
        self.interrupted = False
        return self

    def preview(self, config: Path, on_event: Callable[[Event], None]) -> None:
        self.previewed.append(config.read_text())
        for event in self.planned:
            on_event(event)
        if self.preview_error is not None:
            raise self.preview_error

    def up(self, on_event: Callable[[Event], None]) -> None:
        self.deployed.append(self.config.read_text())
        for event in self.happens:
            on_event(event)
        if self.up_error is not None:
            raise self.up_error


def changing(*steps: Step) -> list[Event]:
    """Steps and their summary."""
    counts: dict[str, int] = {"same": 5}
    for step in steps:
        counts[step.op] = counts.get(step.op, 0) + 1
    return [*steps, Summary(counts)]


@dataclass
class Cli:
    """The command line with one stack."""

    config: Path
    api: Api
    engine: FakeEngine

    def __call__(self, *arguments: str, answer: str | None = None) -> Result:
        """Run a command; `answer` is typed where it asks."""
        return CliRunner().invoke(app, [*arguments, "--stack", "t", "--config-file", str(self.config)], input=answer)

    @property
    def text(self) -> str:
        """The stack's file."""
        return self.config.read_text()


@pytest.fixture
def api() -> Iterator[Api]:
    found = Api()
    yield found
    found.close()


@pytest.fixture
def cli(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A stack with the server `chat` and two models; nothing of the checkout's own is used."""
    kubeconfig = tmp_path / "kubeconfig"
    content = {
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        "clusters": [{"name": "test", "cluster": {"server": api.url}}],
        "users": [{"name": "test", "user": {"token": "not-a-real-one"}}],
    }
    kubeconfig.write_text(yaml.safe_dump(content))
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    monkeypatch.setattr(Session, "load", staticmethod(lambda: None))
    config = tmp_path / "Pulumi.t.yaml"
    config.write_text(CONFIG)
    engine = FakeEngine()
    monkeypatch.setattr(change, "Engine", engine)
    return Cli(config, api, engine)


@pytest.fixture(autouse=True, scope="session")
def interruptible() -> None:
    """A shell that starts tests in the background has them ignore Ctrl-C, and what they start as well."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
