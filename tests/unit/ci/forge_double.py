"""A forge on the loopback interface: keeps comments, issues and notes as GitHub and GitLab do, and fails on demand."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PAGE = 100


@dataclass
class Double:
    """What the forge holds and was asked.

    Attributes:
        entries: of every list, by the path of the list.
        requests: method, path and body of each request.
        tokens: what came as credentials.
        failures: answered in turn instead of the real thing: status and headers, or None for the real thing.
        keeps_failed: whether a request that is answered with a failure is carried out all the same.
        url: address.
    """

    entries: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])
    requests: list[tuple[str, str, Any]] = field(default_factory=list[tuple[str, str, Any]])
    tokens: list[str] = field(default_factory=list[str])
    failures: list[tuple[int, dict[str, str]] | None] = field(default_factory=list[tuple[int, dict[str, str]] | None])
    keeps_failed: bool = False
    login: str = "github-actions[bot]"
    url: str = ""

    def did(self, method: str) -> list[str]:
        """The paths that were asked by this method."""
        return [path for verb, path, _ in self.requests if verb == method]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body go out apart: the second would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True
    double: Double

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        if self._begun(split.path, None):
            return
        if split.path == "/user":
            self._answer(200, {"id": 7})
            return
        asked = {key: value[0] for key, value in parse_qs(split.query).items()}
        found = self.double.entries.get(split.path, [])
        if asked.get("state") == "open":
            found = [one for one in found if one.get("state", "open") == "open"]
        page, size = int(asked.get("page", 1)), int(asked.get("per_page", 30))
        assert size <= PAGE
        links = {}
        if page * size < len(found):
            more = "&".join(f"{key}={value}" for key, value in {**asked, "page": page + 1}.items())
            links = {"Link": f'<{self.double.url}{split.path}?{more}>; rel="next"'}
        self._answer(200, found[(page - 1) * size : page * size], links)

    def do_POST(self) -> None:
        body = self._body()
        if self._begun(self.path, body):
            return
        self._answer(201, self._make(body))

    def do_PATCH(self) -> None:
        body = self._body()
        if self._begun(self.path, body):
            return
        for entries in self.double.entries.values():
            for entry in entries:
                if self.path.endswith(f"/{entry['id']}"):
                    entry.update(body)
                    self._answer(200, entry)
                    return
        self._answer(404, {"message": "Not Found"})

    def do_PUT(self) -> None:
        self.do_PATCH()

    def _make(self, body: dict[str, Any]) -> dict[str, Any]:
        listed = self.double.entries.setdefault(self.path, [])
        number = 1000 + len(listed)
        made = {"id": number, "number": number, "user": {"login": self.double.login}, "author": {"id": 7}, **body}
        made["html_url"] = f"https://forge.example/{number}"
        listed.append(made)
        return made

    def _begun(self, path: str, body: Any) -> bool:
        """Write the request down; whether it was answered with a failure."""
        self.double.requests.append((self.command, path, body))
        self.double.tokens.append(self.headers.get("Authorization") or self.headers.get("PRIVATE-TOKEN") or "")
        failure = self.double.failures.pop(0) if self.double.failures else None
        if failure is None:
            return False
        if self.double.keeps_failed and self.command == "POST":
            self._make(body)
        self._answer(failure[0], {"message": "no such luck"}, failure[1])
        return True

    def _body(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        return found

    def _answer(self, status: int, document: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


@contextmanager
def forge() -> Generator[Double]:
    """Run the double until the block ends."""
    double = Double()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"double": double}))
    double.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()
