"""Off unless a collector is named, and then nothing of what sends is loaded; lines get ids only within a trace.

What a real service sends is shown in tests/echo/test_traces.py.
"""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from components.versions import ROOT
from echo.engine.engine import Engine
from echo.telemetry import span
from echo.telemetry.logs import TraceIds
from echo.telemetry.setup import engine_kind
from echo.telemetry.spans import on


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_SERVICE_NAME": "echo"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
    ],
)
def test_on_where_a_collector_is_named(environment: dict[str, str], wanted: bool) -> None:
    assert on(environment) is wanted


def test_nothing_that_sends_is_loaded_while_it_is_off() -> None:
    # The client of Redis loads the SDK's metrics where it finds them.
    sending = ("opentelemetry.sdk.trace", "opentelemetry.exporter")
    script = f"import sys, echo.service; print([one for one in sys.modules if one.startswith({sending})])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env={"PATH": ""}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_engine_is_the_plain_one_and_a_span_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert engine_kind() is Engine
    with span("recall", memories=3):
        pass


def line(message: str, fields: dict[str, object]) -> logging.LogRecord:
    record = logging.LogRecord("replica_agent", logging.INFO, "", 0, message, (), None)
    record.fields = fields
    return record


def told(record: logging.LogRecord) -> dict[str, object]:
    found: dict[str, object] = record.__dict__["fields"]
    return found


def test_lines_have_ids_within_a_trace_and_a_request_is_told_to_its_span() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    outside = line("started", {"port": 1})
    assert TraceIds().filter(outside)
    assert told(outside) == {"port": 1}
    with provider.get_tracer("test").start_as_current_span("POST /api/chat") as current:
        other = line("replica_failed", {"replica": "chat-1"})
        request = line("request", {"model": "tiny:1", "replica": "chat-0", "attempts": 1, "reason": ""})
        assert TraceIds().filter(other)
        assert TraceIds().filter(request)
        assert told(request)["trace_id"] == f"{current.get_span_context().trace_id:032x}"
    (finished,) = exporter.get_finished_spans()
    assert dict(finished.attributes or {}) == {
        "gen_ai.request.model": "tiny:1",
        "echo.replica": "chat-0",
        "echo.attempts": 1,
    }
    provider.shutdown()
