"""A trace goes from the client's through the service to the replica, has Ollama's own times, and no text.

A real service before a real Ollama; the collector is ours, and reads the protocol with OpenTelemetry's own classes.
Not shown: a store of traces, and pictures of them.
"""

from __future__ import annotations

import re
import signal

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.echo.conftest import Ollama, Start
from tests.echo.harness import Echo
from tests.replica_agent.harness import until
from tests.replica_agent.tap import Tap
from tests.support.otlp import Collector, attributes, collector

pytestmark = [pytest.mark.ollama, pytest.mark.timeout(240)]

PROMPT = "aubergine"
BODY = {"model": "tiny:1", "prompt": PROMPT, "options": {"num_predict": 8}}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}


def sent(found: Collector, name: str) -> Span:
    until(lambda: bool(found.named(name)), 60)
    return found.named(name)[0]


def test_a_trace_from_the_client_to_the_tokens(ollama: Ollama, start_echo: Start) -> None:
    with collector() as found:
        echo = start_echo({"name": "chat", "url": ollama.url}, env={"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, **SOON})
        until(lambda: echo.replicas()[0]["up"], 60)
        with echo.client() as http:
            began = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
            http.post("/api/generate", json=BODY, headers=began).raise_for_status()
        whole = sent(found, "POST /api/generate")
        assert (whole.trace_id.hex(), whole.parent_span_id.hex()) == (TRACE, PARENT)
        told = attributes(whole)
        assert told["gen_ai.request.model"] == "tiny:1"
        assert told["gen_ai.operation.name"] == "text_completion"
        assert told["gen_ai.usage.output_tokens"] == 8
        assert (told["http.response.status_code"], told["echo.attempts"], told["echo.key"]) == (200, 1, "user")
        tokens, prompt = sent(found, "tokens"), sent(found, "prompt")
        for one in (tokens, prompt):
            assert one.parent_span_id == whole.span_id
            assert whole.start_time_unix_nano < one.end_time_unix_nano <= whole.end_time_unix_nano
        assert prompt.end_time_unix_nano <= tokens.start_time_unix_nano
        until(lambda: bool(echo.logged("request")), 60)
        (line,) = echo.logged("request")
        assert (line["trace_id"], line["span_id"]) == (TRACE, whole.span_id.hex())
        assert found.services == {"echo"}
        # A refusal is in a trace too, and says why.
        echo.post("/api/generate", {**BODY, "model": "absent:1"})
        until(lambda: len(found.named("POST /api/generate")) == 2, 60)
        refused = attributes(found.named("POST /api/generate")[1])
        assert (refused["http.response.status_code"], refused["error.type"]) == (404, "model_not_found")
        assert not any(PROMPT.encode() in body for body in found.bodies)
    assert PROMPT not in echo.log.read_text()


def test_the_replica_hears_of_our_span(ollama: Ollama, start_echo: Start) -> None:
    with collector() as found, Tap(ollama.port) as tap:
        echo = start_echo({"name": "chat", "url": tap.url}, env={"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, **SOON})
        until(lambda: echo.replicas()[0]["up"], 60)
        echo.post("/api/generate", BODY).raise_for_status()
        whole = sent(found, "POST /api/generate")
        asked = b"".join(bytes(wire.up) for wire in tap.wires)
        (parent,) = re.findall(rb"traceparent: 00-(\w+)-(\w+)-\w+\r\n", asked)
        assert [one.decode() for one in parent] == [whole.trace_id.hex(), whole.span_id.hex()]


def test_without_a_collector_answers_come_all_the_same(ollama: Ollama, start_echo: Start) -> None:
    # Nobody listens there.
    echo = start_echo(
        {"name": "chat", "url": ollama.url}, env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **SOON}
    )
    until(lambda: echo.replicas()[0]["up"], 60)
    for _ in range(3):
        echo.post("/api/generate", BODY).raise_for_status()
    until(lambda: len(echo.logged("request")) == 3, 60)
    assert all("trace_id" in line for line in echo.logged("request"))
    echo.stop(signal.SIGTERM)


def test_off_is_the_default(echo: Echo) -> None:
    until(lambda: echo.replicas()[0]["up"], 60)
    echo.post("/api/generate", BODY).raise_for_status()
    until(lambda: bool(echo.logged("request")), 60)
    assert not any("trace_id" in line for line in echo.logged("request"))
