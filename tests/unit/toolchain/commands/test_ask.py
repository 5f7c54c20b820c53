"""`make ask` goes through the echo service where the stack has one, and to the models where it gives no answer.

The API server, the service and the replica behind it are a stand-in in this process. That the real ones let it through
is shown by tests/integration/test_echo.py::test_a_question_goes_through_the_service.
"""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
import yaml
from rich.console import Console

from toolchain.commands.ask import ask
from toolchain.session import NotUpError
from toolchain.stack.pulumi import Pulumi

KEYS = {"watcher": "ek-watcher", "default": "ek-default"}
SERVICE = "/api/v1/namespaces/m/services/echo:main/proxy"
REPLICA = "/api/v1/namespaces/m/pods/chat-0:11434/proxy"
OUTPUTS = {
    "chat-endpoint": "http://chat.m.svc.cluster.local:11434",
    "chat-models": {"embed:1": {"chat-0": "d"}, "talk:1": {"chat-0": "d"}},
    "namespace": "m",
}
WITH_ECHO = {**OUTPUTS, "echo-endpoint": "http://echo.m.svc.cluster.local:5000", "echo-keys": "[secret]"}
RECALLED = {"space": "home", "memory": "used", "recalled": [{"id": "1", "why": ["words: kettle"], "score": 0.5}]}


class Api:
    """What the stand-in answers, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.fails: dict[str, tuple[int, Any]] = {}
        self.memory: dict[str, Any] | None = None
        self.last: dict[str, Any] = {"done": True}

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        if path.startswith(SERVICE) and headers.get("x-api-key") == KEYS["watcher"]:
            return 403, {"error": "this key's roles do not allow it"}
        for place, found in self.fails.items():
            if path.startswith(place):
                return found
        for place, said in ((SERVICE, "by echo"), (REPLICA, "by the model")):
            if path == f"{place}/api/tags":
                return 200, {"models": []}
            if path == f"{place}/api/chat":
                last = {**self.last, **({"echo": self.memory} if self.memory is not None else {})}
                return 200, [{"message": {"role": "assistant", "content": said}, "done": False}, last]
        if path == f"{SERVICE}/echo/memories/1":
            return 200, {"content": "The kettle\nis left."}
        return 404, {"error": "not found"}

    def show(self, model: str) -> tuple[int, Any]:
        return 200, {"capabilities": ["completion"] if model == "talk:1" else ["embedding"]}


class _Handler(BaseHTTPRequestHandler):
    api: ClassVar[Api]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""

    def do_GET(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.api.asked.append((self.path, headers))
        status, body = self.api.answer(self.path, headers)
        if status == 404 and self.path.endswith("/api/show"):
            status, body = self.api.show(json.loads(raw)["model"])
        lines: list[Any] = cast("list[Any]", body) if isinstance(body, list) else [body]
        data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_POST = do_GET  # noqa: N815


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    found = Api()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"api": found}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    config = {
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "users": [{"name": "u", "user": {"token": "of-the-user"}}],
    }
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump({"apiVersion": "v1", "kind": "Config", **config}))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


class Stack:
    """What the command asks of a stack."""

    stack = "dev"

    def __init__(self, outputs: dict[str, Any]) -> None:
        self._outputs = outputs
        self.variables: dict[str, str] = {}

    def outputs(self) -> dict[str, Any]:
        return self._outputs

    def secret_output(self, name: str) -> Any:
        assert name == "echo-keys"
        return KEYS


def run(outputs: dict[str, Any], **more: Any) -> str:
    out = io.StringIO()
    try:
        ask(cast("Pulumi", Stack(outputs)), "Where?", console=Console(file=out, width=200), **more)
    except NotUpError as error:
        return f"{out.getvalue()}refused: {error}"
    return out.getvalue()


def test_it_goes_through_the_service_by_the_first_key_that_may(api: Api) -> None:
    """The key goes to the service alone: the API server has a header of its own, and nobody reads it here."""
    said = run(WITH_ECHO)
    assert said.splitlines() == ["by echo"]
    assert not [path for path, _ in api.asked if path.startswith(REPLICA)]
    [(_, headers)] = [one for one in api.asked if one[0] == f"{SERVICE}/api/chat"]
    assert (headers["x-api-key"], headers["authorization"]) == (KEYS["default"], "Bearer of-the-user")
    assert "ek-" not in said


def test_what_was_recalled_is_told_with_why(api: Api) -> None:
    api.memory = RECALLED
    assert run(WITH_ECHO, space="home").splitlines() == [
        "by echo",
        "memory 'home', recalled:",
        "  [1] The kettle is left.  (words: kettle)",
    ]
    assert {headers.get("x-echo-space") for path, headers in api.asked if path.endswith("/chat")} == {"home"}
    api.memory = {"space": "home", "memory": "nothing", "recalled": []}
    assert run(WITH_ECHO).splitlines() == ["by echo", "memory 'home': nothing"]


def test_a_stack_without_the_service_is_asked_as_before(api: Api) -> None:
    assert run(OUTPUTS).splitlines() == ["by the model"]
    assert not [path for path, _ in api.asked if path.startswith(SERVICE)]
    assert "`echo.enabled`" in run(OUTPUTS, space="home")


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (503, {"kind": "Status", "message": "no endpoints available"}, "no endpoints available"),
        (401, {"error": "no such key"}, "no such key"),
        (503, {"error": {"code": "busy", "message": "all replicas are busy"}}, "all replicas are busy"),
    ],
)
def test_a_service_that_gives_no_answer_is_passed_by_and_that_is_said(
    api: Api, status: int, body: Any, why: str
) -> None:
    api.fails[f"{SERVICE}/api/chat"] = (status, body)
    first, last = run(WITH_ECHO).splitlines()
    assert first.startswith("not through the echo service: ")
    assert why in first
    assert last == "by the model"
    # A memory was meant, so that an answer without it is none.
    assert "refused: " in run(WITH_ECHO, space="home")


def test_an_answer_that_breaks_off_is_not_begun_again(api: Api) -> None:
    api.last = {"error": "the replica left", "done": True}
    assert run(WITH_ECHO).splitlines() == ["by echo", "refused: the answer broke off: the replica left"]
    assert not [path for path, _ in api.asked if path.startswith(REPLICA)]
