"""Proves how objects are addressed and answers are told apart, against a small HTTPS server with real certificates."""

from __future__ import annotations

import http.server
import json
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from toolchain.node import pki
from toolchain.node.api import Api, object_path
from toolchain.node.errors import NodeError


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "a"}}, "/api/v1/namespaces/a"),
        (
            {"kind": "Service", "apiVersion": "v1", "metadata": {"name": "a", "namespace": "n"}},
            "/api/v1/namespaces/n/services/a",
        ),
        (
            {"kind": "Deployment", "apiVersion": "apps/v1", "metadata": {"name": "a", "namespace": "n"}},
            "/apis/apps/v1/namespaces/n/deployments/a",
        ),
        (
            {"kind": "StorageClass", "apiVersion": "storage.k8s.io/v1", "metadata": {"name": "a"}},
            "/apis/storage.k8s.io/v1/storageclasses/a",
        ),
    ],
)
def test_paths(document: dict[str, Any], path: str) -> None:
    assert object_path(document) == path


def test_unknown_kind_lists_the_known_ones() -> None:
    with pytest.raises(NodeError, match="unknown kind Gadget; known are: ClusterRole, "):
        object_path({"kind": "Gadget", "apiVersion": "v1", "metadata": {"name": "a"}})


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers by path, and refuses to apply what is called "refused"."""

    protocol_version = "HTTP/1.1"
    # Head and body go out apart: the second would wait 40 ms for the first to be acknowledged.
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002, ARG002  # the base class's names
        return

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status = {"/readyz": 200, "/there": 200, "/gone": 404}.get(self.path, 403)
        if self.command == "PATCH":
            status = 409 if b"refused" in body else 201
        answer = json.dumps({"path": self.path, "type": self.headers.get("Content-Type")}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_PATCH = _answer  # noqa: N815  # the base class's names


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    pki.ensure(folder, "echorator-x")
    return folder


@pytest.fixture
def api(keys: Path) -> Iterator[Api]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "apiserver.crt", keys / "apiserver.key")
    context.load_verify_locations(keys / "ca.crt")
    context.verify_mode = ssl.CERT_REQUIRED
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    client = Api(server.server_port, keys)
    yield client
    client.close()
    server.shutdown()
    thread.join()
    server.server_close()


def test_present_absent_and_forbidden(api: Api) -> None:
    assert api.get("/there") == {"path": "/there", "type": None}
    assert api.get("/gone") is None
    with pytest.raises(NodeError, match="GET /secret answered 403"):
        api.get("/secret")


def test_apply_is_forced_server_side(api: Api) -> None:
    namespace = {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "a"}}
    api.apply(namespace)
    _, body = api.request("PATCH", "/x", b"{}", "application/apply-patch+yaml")
    assert json.loads(body)["type"] == "application/apply-patch+yaml"
    with pytest.raises(NodeError, match=r"Namespace refused was refused \(409\)"):
        api.apply({**namespace, "metadata": {"name": "refused"}})


def test_ready(api: Api, keys: Path) -> None:
    assert api.ready()
    assert not Api(1, keys).ready()
