"""A trace goes from the client's through recall and the replica to what is learned, has Ollama's times, and no text.

A real service before a real Ollama and a real PostgreSQL; the collector is ours, and reads the protocol with
OpenTelemetry's own classes. A store of traces is in tests/traces.
"""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.echo.conftest import Ollama, Start
from tests.echo.harness import Echo
from tests.echo.remembering import MODEL, SHORT, remembering, wait_open
from tests.replica_agent.harness import until
from tests.replica_agent.tap import Tap
from tests.support.otlp import Collector, attributes, collector
from tests.support.postgres import SERVICE, Postgres

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


def test_a_trace_goes_on_to_what_is_learned_and_a_rest_points_back(
    ollama: Ollama, postgres: Postgres, tmp_path: Path
) -> None:
    file = tmp_path / "url"
    file.write_text(postgres.url(postgres.create(), SERVICE))
    parts = {
        "POST /api/chat": "",
        "history": "POST /api/chat",
        "recall": "POST /api/chat",
        "retrieval": "recall",
        "mind": "recall",
        "prompt": "POST /api/chat",
        "tokens": "POST /api/chat",
        "keep": "POST /api/chat",
        "learn": "POST /api/chat",
        "encoding": "learn",
        "consolidation": "learn",
        "coherence": "learn",
    }
    with collector() as found:
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": found.url, **SOON}
        learning = {"tidyMinutes": 0.02}
        with remembering(tmp_path / "echo", ollama, file, env=env, cognition=True, learning=learning) as home:
            wait_open(home)
            home.remember(home.ann, f"The {PROMPT} grows in the garden.")
            body = {"model": MODEL, "messages": [{"role": "user", "content": f"where is the {PROMPT}?"}]}
            body |= {"stream": False, "options": SHORT, "echo": {"conversation": "garden"}}
            with home.client(home.ann, "ann") as http:
                http.post("/api/chat", json=body).raise_for_status()
            whole = sent(found, "POST /api/chat")

            def of_the_request() -> dict[str, Span]:
                return {one.name: one for one in found.spans if one.trace_id == whole.trace_id}

            until(lambda: parts.keys() <= of_the_request().keys(), 90)
            trace = of_the_request()
            names = {one.span_id: one.name for one in trace.values()}
            assert {name: names.get(trace[name].parent_span_id, "") for name in parts} == parts
            assert attributes(trace["recall"]) == {"echo.outcome": "used", "echo.memories": 1}
            assert trace["recall"].end_time_unix_nano <= trace["prompt"].start_time_unix_nano
            assert trace["learn"].start_time_unix_nano >= whole.start_time_unix_nano
            # What a space does later is a trace of its own, which says what it is about.
            rest = sent(found, "rest")
            assert rest.trace_id != whole.trace_id
            assert {one.trace_id for one in rest.links} == {whole.trace_id}
            assert sent(found, "forgetting").parent_span_id == rest.span_id
            assert sent(found, "embedding")
            log = home.echo.log
        assert not any(PROMPT.encode() in body for body in found.bodies)
        assert PROMPT not in log.read_text()


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
