"""A registry that breaks on demand. Runs in a pod of the test with Python's standard library alone.

It hands on what another registry has, and makes models of its own: `library/salted-<base>:<salt>` is the base with the
salt after its weights, so each salt is a model that nobody has yet, at a digest of its own, that answers as its base
does. A second port takes orders:

    POST /plan    {"rate": bytes per second or 0, "faults": [...]}   forgets what was counted
    POST /rate    {"rate": ...}    forgets nothing
    GET  /seen    {"requests": [...], "sent": {"<digest or path>": bytes}, "harmed": requests that a fault met}
    GET  /model/<base>/<salt>    {"digest", "weights", "size", "total"}
"""

from __future__ import annotations

import hashlib
import http.client
import json
import re
import select
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MODEL_LAYER = "application/vnd.ollama.image.model"
PIECE = 64 << 10
HANG_S = 180.0
_PATH = re.compile(r"/v2/library/salted-([a-z0-9]+)/(manifests|blobs)/([A-Za-z0-9:._-]+)")


@dataclass
class Fault:
    """One kind of harm.

    Attributes:
        kind: `status` answers `status`; `hang` sends `after` bytes and then nothing; `close` ends the connection after
            them; `truncate` announces so many bytes less than there are; `flip` inverts the byte at `after`.
        path: pattern of the paths that it applies to.
        times: how many requests it harms; None is all of them.
    """

    kind: str
    path: str
    times: int | None = None
    status: int = 500
    after: int = 0
    retry_after: int | None = None


@dataclass(frozen=True)
class Base:
    """A model that others are made of."""

    repository: str
    manifest: dict[str, Any]
    weights: bytes
    hash: Any
    config: bytes | None = None


@dataclass(frozen=True)
class Body:
    """What is sent: `data`, and the salt after it."""

    data: memoryview
    salt: bytes = b""
    kind: str = "application/octet-stream"
    digest: str = ""

    def __len__(self) -> int:
        return len(self.data) + len(self.salt)

    def piece(self, start: int, stop: int) -> bytes:
        """The bytes of a range."""
        end = len(self.data)
        return bytes(self.data[start : min(stop, end)]) + self.salt[max(0, start - end) : max(0, stop - end)]


@dataclass
class Registry:
    """What all connections share."""

    upstream: str
    bases: dict[str, Base] = field(default_factory=dict[str, Base])
    rate: float = 0.0
    faults: list[Fault] = field(default_factory=list[Fault])
    requests: list[str] = field(default_factory=list[str])
    sent: dict[str, int] = field(default_factory=dict[str, int])
    harmed: int = 0
    generation: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    _blobs: dict[str, tuple[str, bytes]] = field(default_factory=dict[str, "tuple[str, bytes]"])
    _free_at: float = 0.0

    def take(self, repository: str, tag: str, base: str) -> None:
        """Fetch a base from the registry behind this one."""
        status, _, text = self.ask("GET", f"/v2/{repository}/manifests/{tag}", {"Accept": MANIFEST})
        if status != http.client.OK:
            raise LookupError(f"{self.upstream} answered {status} for {repository}:{tag}: {text[:200]!r}")
        manifest = json.loads(text)
        digest = next(one["digest"] for one in manifest["layers"] if one["mediaType"] == MODEL_LAYER)
        _, _, weights = self.ask("GET", f"/v2/{repository}/blobs/{digest}", {})
        self.bases[base] = Base(repository, manifest, weights, hashlib.sha256(weights))

    def make(self, weights: bytes, base: str) -> None:
        """Make a base of weights alone."""
        digest = "sha256:" + hashlib.sha256(weights).hexdigest()
        shape = {
            "model_format": "gguf",
            "model_family": "llama",
            "model_families": ["llama"],
            "model_type": "250K",
            "file_type": "F32",
            "architecture": "amd64",
            "os": "linux",
            "rootfs": {"type": "layers", "diff_ids": [digest]},
        }
        config = json.dumps(shape).encode()
        about = {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": "sha256:" + hashlib.sha256(config).hexdigest(),
            "size": len(config),
        }
        layer = {"mediaType": MODEL_LAYER, "digest": digest, "size": len(weights)}
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": about, "layers": [layer]}
        self.bases[base] = Base("", manifest, weights, hashlib.sha256(weights), config)

    def manifest(self, base: str, salt: str) -> bytes:
        """The manifest of a salted model; its weights can be asked for from now on."""
        found = self.bases[base]
        bytes_of = f"salt {salt}".encode().ljust(32)
        whole = found.hash.copy()
        whole.update(bytes_of)
        digest = "sha256:" + whole.hexdigest()
        with self.lock:
            self._blobs[digest] = (base, bytes_of)
        layers = [
            {**one, "digest": digest, "size": len(found.weights) + len(bytes_of)}
            if one["mediaType"] == MODEL_LAYER
            else one
            for one in found.manifest["layers"]
        ]
        # As Ollama writes it again on the disk: it names a model by the digest of that.
        return json.dumps({**found.manifest, "layers": layers}, separators=(",", ":")).encode()

    def about(self, base: str, salt: str) -> dict[str, Any]:
        """What a test wants to know of a salted model."""
        manifest = self.manifest(base, salt)
        document = json.loads(manifest)
        weights = next(one for one in document["layers"] if one["mediaType"] == MODEL_LAYER)
        total = sum(
            one["size"] for one in {one["digest"]: one for one in (document["config"], *document["layers"])}.values()
        )
        return {
            "digest": "sha256:" + hashlib.sha256(manifest).hexdigest(),
            "weights": weights["digest"],
            "size": weights["size"],
            "total": total,
        }

    def find(self, path: str, headers: dict[str, str]) -> tuple[int, Body]:
        """Status and body of what is at a path."""
        ours = _PATH.fullmatch(path)
        if ours is not None and ours[1] in self.bases:
            base = self.bases[ours[1]]
            if ours[2] == "manifests":
                body = self.manifest(ours[1], ours[3])
                return 200, Body(memoryview(body), kind=MANIFEST, digest="sha256:" + hashlib.sha256(body).hexdigest())
            with self.lock:
                known = self._blobs.get(ours[3])
            if known is not None:
                return 200, Body(memoryview(self.bases[known[0]].weights), known[1], digest=ours[3])
            if base.config is not None:
                return 200, Body(memoryview(base.config), digest=ours[3])
            path = f"/v2/{base.repository}/blobs/{ours[3]}"
        kept = {key: value for key, value in headers.items() if key.lower() == "accept"}
        status, answered, text = self.ask("GET", path, kept)
        kind = answered.get("content-type", "application/octet-stream")
        return status, Body(memoryview(text), kind=kind, digest=answered.get("docker-content-digest", ""))

    def ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Ask the registry behind this one."""
        connection = http.client.HTTPConnection(self.upstream, timeout=30)
        try:
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            return answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read()
        finally:
            connection.close()

    def fault_for(self, path: str) -> Fault | None:
        """The first fault that applies to a request; counts it."""
        with self.lock:
            for fault in self.faults:
                if re.search(fault.path, path) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    self.harmed += 1
                    return fault
        return None

    def plan(self, wanted: dict[str, Any]) -> None:
        """Begin anew: this rate, these faults, nothing counted. Ends what hangs."""
        faults = [Fault(**one) for one in wanted.get("faults", [])]
        with self.lock:
            self.rate = float(wanted.get("rate", 0))
            self.faults, self.requests, self.sent, self.harmed = faults, [], {}, 0
            self.generation += 1
            self._free_at = 0.0

    def wait_turn(self, size: int) -> None:
        """Sleep so that all connections together keep the rate."""
        with self.lock:
            if self.rate <= 0:
                return
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + size / self.rate
            wait = self._free_at - now
        # A rate that is lifted meanwhile holds nobody up for long: a piece is short.
        time.sleep(min(wait, 5.0))

    def count(self, key: str, size: int) -> None:
        """Count bytes that were sent."""
        with self.lock:
            self.sent[key] = self.sent.get(key, 0) + size


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    registry: Registry
    is_admin = False

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing: what happened can be asked."""

    def do_HEAD(self) -> None:
        """Answer without a body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Answer."""
        path = urlsplit(self.path).path
        if self.is_admin:
            self._admin(path)
            return
        with self.registry.lock:
            self.registry.requests.append(f"{self.command} {path} {self.headers.get('Range', '')}".rstrip())
        fault = self.registry.fault_for(path)
        if fault is not None and fault.kind == "status":
            self._refuse(fault)
            return
        status, body = self.registry.find(path, dict(self.headers.items()))
        self._send(status, body, fault)

    def do_POST(self) -> None:
        """Take an order."""
        text = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path = urlsplit(self.path).path if self.is_admin else ""
        if path == "/plan":
            self.registry.plan(json.loads(text))
        elif path == "/rate":
            self.registry.rate = float(json.loads(text)["rate"])
        self._json(200 if path in ("/plan", "/rate") else 404, {})

    def _admin(self, path: str) -> None:
        registry = self.registry
        parts = path.strip("/").split("/")
        if path == "/seen":
            with registry.lock:
                seen = {"requests": list(registry.requests), "sent": dict(registry.sent), "harmed": registry.harmed}
            self._json(200, seen)
        elif parts[0] == "model" and len(parts) == 3:
            self._json(200, registry.about(parts[1], parts[2]))
        else:
            self._json(200 if path == "/ready" else 404, {})

    def _json(self, status: int, content: dict[str, Any]) -> None:
        text = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _refuse(self, fault: Fault) -> None:
        text = b'{"errors": [{"code": "FAULT", "message": "made by the test"}]}'
        self.send_response(fault.status)
        if fault.retry_after is not None:
            self.send_header("Retry-After", str(fault.retry_after))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    def _send(self, status: int, body: Body, fault: Fault | None) -> None:
        total = len(body)
        if fault is not None and fault.kind == "truncate":
            total = max(0, total - max(1, fault.after))
        start, stop = 0, total
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if asked is not None and status == http.client.OK:
            start, stop = int(asked[1]), min(total, int(asked[2]) + 1 if asked[2] else total)
            if start >= total:
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{total}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{total}")
        else:
            self.send_response(status)
        self.send_header("Content-Type", body.kind)
        if body.digest:
            self.send_header("Docker-Content-Digest", body.digest)
        self.send_header("Content-Length", str(stop - start))
        self.end_headers()
        if self.command == "HEAD":
            return
        self._stream(body, start, stop, fault)

    def _stream(self, body: Body, start: int, stop: int, fault: Fault | None) -> None:
        registry, generation, at = self.registry, self.registry.generation, start
        key = body.digest or self.path
        end = stop
        if fault is not None and fault.kind in ("close", "hang"):
            end = min(stop, start + fault.after)
        while at < end:
            size = min(PIECE, end - at)
            registry.wait_turn(size)
            piece = body.piece(at, at + size)
            if fault is not None and fault.kind == "flip" and at <= fault.after < at + size:
                place = fault.after - at
                piece = piece[:place] + bytes([piece[place] ^ 0xFF]) + piece[place + 1 :]
            try:
                self.wfile.write(piece)
            except OSError:
                self.close_connection = True
                return
            registry.count(key, size)
            at += size
        if fault is not None and fault.kind == "hang" and at < stop:
            until = time.monotonic() + HANG_S
            # Readable is a client that left, since no other request can come on this connection.
            while registry.generation == generation and time.monotonic() < until:
                if select.select([self.connection], [], [], 0.2)[0]:
                    break
        if at < stop:
            self.close_connection = True


class Admin(Handler):
    """One connection of the port that takes orders."""

    is_admin = True


class Server(ThreadingHTTPServer):
    """Threads that do not hold up the end."""

    daemon_threads = True
    request_queue_size = 64


def main(arguments: list[str]) -> None:
    """Serve for ever: `UPSTREAM-HOST:PORT TINY-GGUF LISTEN PORT ADMIN-PORT`."""
    upstream, tiny, listen, port, admin_port = arguments
    registry = Registry(upstream)
    registry.take("library/smollm2", "135m", "smollm2")
    with open(tiny, "rb") as file:  # noqa: PTH123
        registry.make(file.read(), "tiny")
    Handler.registry = registry
    admin = Server((listen, int(admin_port)), Admin)
    threading.Thread(target=admin.serve_forever, daemon=True).start()
    Server((listen, int(port)), Handler).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
