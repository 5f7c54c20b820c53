"""An API server on loopback that knows a few pods and passes on to a model server in each of them.

It answers what our code asks, by the paths and statuses of the real one, and keeps models in memory. What it cannot
show: the timing, the errors and the bytes of a real Ollama behind a real API server; the integration tests do.
"""

import hashlib
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Self

_POD = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/:]+)")
_PROXY = re.compile(r"/api/v1/namespaces/([^/]+)/pods/([^/:]+):(\d+)/proxy(/.*)")
_SET = re.compile(r"/apis/apps/v1/namespaces/([^/]+)/statefulsets/([^/]+)")


def digest_of(text: str) -> str:
    """The digest that this registry has for a source: 64 hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Replica:
    """One pod and the models in it."""

    models: dict[str, str] = field(default_factory=dict[str, str])
    """Short name to digest, 64 hex digits."""
    ready: bool = True
    refuses: str | None = None
    """The error line that each pull ends with."""
    pulls: list[str] = field(default_factory=list[str])
    reports: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    """What the pod's agent says, one document after the other; the last one stays. None: no agent answers."""
    looks: int = 0
    """How often the agent was asked to look at once."""


class FakeCluster:
    """One StatefulSet `chat` in the namespace `models`, until a test changes that."""

    def __init__(self, replicas: int = 1) -> None:
        self.pods = {f"chat-{index}": Replica() for index in range(replicas)}
        self.stateful_sets = {"chat"}
        self.digests: dict[str, str] = {}
        """Source to the digest it has now; by default one made from its name."""
        self.token: str | None = "not-a-real-one"
        """What a request must bear; None lets everybody in."""
        self.requests: list[str] = []

    def __enter__(self) -> Self:
        cluster = self

        class Handler(_Handler):
            state = cluster

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def digest(self, source: str) -> str:
        """What a pull of `source` brings now."""
        return self.digests.get(source, digest_of(source))


class _Handler(BaseHTTPRequestHandler):
    state: ClassVar[FakeCluster]
    protocol_version = "HTTP/1.1"
    # Head and body go out apart: the second would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing: a test's output is for its failures."""

    def do_GET(self) -> None:
        self._answer()

    do_POST = do_DELETE = do_HEAD = do_GET  # noqa: N815

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body: dict[str, Any] = json.loads(self.rfile.read(length)) if length else {}
        self.state.requests.append(f"{self.command} {self.path}")
        token = self.state.token
        if token is not None and self.headers.get("Authorization") != f"Bearer {token}":
            self._send(403, {"kind": "Status", "message": "pods is forbidden"})
        elif found := _PROXY.fullmatch(self.path):
            pod = self.state.pods.get(found[2])
            if pod is None:
                self._send(404, {"kind": "Status", "message": f'pods "{found[2]}" not found'})
            elif found[1] == "models" and found[3] == "11436" and pod.reports:
                self._agent(pod, found[4])
            elif found[1] != "models" or found[3] != "11434":
                self._send(503, {"kind": "Status", "message": "no endpoints available"})
            else:
                self._ollama(pod, found[4], body)
        elif found := _POD.fullmatch(self.path):
            self._pod(found[2])
        elif (found := _SET.fullmatch(self.path)) and found[2] in self.state.stateful_sets:
            self._send(200, {"metadata": {"name": found[2]}})
        else:
            self._send(404, {"kind": "Status", "message": "not found"})

    def _pod(self, name: str) -> None:
        pod = self.state.pods.get(name)
        if pod is None:
            self._send(404, {"kind": "Status", "message": f'pods "{name}" not found'})
            return
        waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
        status: dict[str, Any] = {"conditions": [{"type": "Ready", "status": "True" if pod.ready else "False"}]}
        if not pod.ready:
            status["containerStatuses"] = [{"state": {"waiting": waiting}}]
        self._send(200, {"metadata": {"name": name}, "status": status})

    def _agent(self, pod: Replica, path: str) -> None:
        if path == "/v1/look":
            pod.looks += 1
            self._send(200, {})
        elif path == "/v1/models":
            self._send(200, pod.reports.pop(0) if len(pod.reports) > 1 else pod.reports[0])
        else:
            self._send(404, {"error": f"{path}?"})

    def _ollama(self, pod: Replica, path: str, body: Mapping[str, Any]) -> None:
        name = _short(str(body.get("model", "")))
        if path == "/api/version":
            self._send(200, {"version": "0.17.4"})
        elif path == "/api/tags":
            listed = [{"name": one, "digest": digest, "size": 1000} for one, digest in pod.models.items()]
            self._send(200, {"models": listed})
        elif path == "/api/show":
            self._send(*((200, {"modelfile": ""}) if name in pod.models else (404, {"error": "not found"})))
        elif path == "/api/pull":
            self._pull(pod, str(body["model"]))
        elif path == "/api/copy":
            source = pod.models.get(_short(str(body["source"])))
            if source is not None:
                pod.models[_short(str(body["destination"]))] = source
            self._send(404 if source is None else 200, {"error": "not found"} if source is None else None)
        elif path == "/api/delete":
            self._send(200 if pod.models.pop(name, None) else 404, {"error": "not found"})
        else:
            self._send(404, {"error": f"{path}?"})

    def _pull(self, pod: Replica, source: str) -> None:
        pod.pulls.append(source)
        lines: list[dict[str, Any]] = [{"status": "pulling manifest"}]
        if pod.refuses is not None:
            lines.append({"error": pod.refuses})
        else:
            blob = {"status": "pulling abc", "digest": f"sha256:{digest_of('blob')}", "total": 1000}
            lines += [{**blob, "completed": 400}, {**blob, "completed": 1000}, {"status": "success"}]
            pod.models[_short(source)] = self.state.digest(source)
        self._send(200, "".join(f"{json.dumps(line)}\n" for line in lines))

    def _send(self, status: int, body: object) -> None:
        raw = b"" if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)


def _short(name: str) -> str:
    return name.removeprefix("registry.ollama.ai/").removeprefix("library/")
