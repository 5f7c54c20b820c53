"""What parts of the service tell of their work, kept in memory instead of sent."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, Sampler
from opentelemetry.trace import Tracer

from echo.telemetry import spans


@contextmanager
def kept_spans(sampler: Sampler = ALWAYS_ON) -> Generator[tuple[Tracer, InMemorySpanExporter]]:
    """Return the tracer that the service has here, and what its finished spans are taken from."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("echo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "tracer", lambda: tracer)
        yield tracer, exporter
    provider.shutdown()
