"""A place that logs and traces are sent to: takes OTLP over HTTP in a pod, and hands out what it took."""

from __future__ import annotations

import base64
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.integration.probes import pod
from tests.support.kube import Kube

PORT = 4318
_NAME = "sink"
_SERVE = """
import base64, gzip, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

kept = {"/v1/logs": [], "/v1/traces": []}

class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        if self.path in kept and len(kept[self.path]) < 2000:
            kept[self.path].append(base64.b64encode(body).decode())
        self.answer(b"", "application/x-protobuf")

    def do_GET(self):
        self.answer(json.dumps(kept).encode(), "application/json")

    def answer(self, body, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass

ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
"""


class Sink:
    """The pod, its Service, and what it took."""

    def __init__(self, kube: Kube, namespace: str) -> None:
        self._kube = kube
        self._namespace = namespace
        self.url = f"http://{_NAME}.{namespace}.svc.cluster.local:{PORT}"

    def logs(self) -> list[tuple[dict[str, Any], LogRecord]]:
        """Attributes of where each record comes from, and the record."""
        requests = [ExportLogsServiceRequest.FromString(body) for body in self.bodies("/v1/logs")]
        return [
            (values(resource.resource.attributes), record)
            for request in requests
            for resource in request.resource_logs
            for scope in resource.scope_logs
            for record in scope.log_records
        ]

    def spans(self) -> list[Span]:
        requests = [ExportTraceServiceRequest.FromString(body) for body in self.bodies("/v1/traces")]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def bodies(self, path: str) -> list[bytes]:
        """What was sent to a path, unpacked."""
        answer = self._kube.request("GET", f"/api/v1/namespaces/{self._namespace}/pods/{_NAME}:{PORT}/proxy/")
        taken: list[str] = answer.raise_for_status().json()[path]
        return [base64.b64decode(one) for one in taken]


@contextmanager
def sink(kube: Kube, namespace: str) -> Generator[Sink]:
    """Make it in a namespace of its own, which goes at the end."""
    kube.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
    try:
        path = f"/api/v1/namespaces/{namespace}"
        labels = {"app": _NAME}
        probe = {"tcpSocket": {"port": PORT}, "periodSeconds": 1}
        kube.create(f"{path}/pods", pod(_NAME, labels, [_SERVE, str(PORT)], readinessProbe=probe))
        ports = [{"name": "http", "port": PORT, "protocol": "TCP"}]
        kube.create(f"{path}/services", {"metadata": {"name": _NAME}, "spec": {"selector": labels, "ports": ports}})
        kube.wait_ready(namespace, _NAME)
        yield Sink(kube, namespace)
    finally:
        kube.delete_namespace(namespace)


def values(found: Any) -> dict[str, Any]:
    """Attributes as plain values; those within others too."""
    pairs: list[KeyValue] = list(found)
    return {one.key: plain(one.value) for one in pairs}


def plain(value: AnyValue) -> Any:
    """One value; maps and lists as such."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind == "kvlist_value":
        return values(value.kvlist_value.values)
    if kind == "array_value":
        return [plain(one) for one in value.array_value.values]
    return getattr(value, kind)
