"""The tracer, and the thread that sends what has ended."""

from __future__ import annotations

import logging
import os

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer

from echo.telemetry.logs import TraceIds

__all__ = ["set_up"]

_NAME = "echo"
_LOGGER = "replica_agent"
"""Through which everything of ours logs."""


def set_up() -> Tracer:
    """Return the tracer of the process.

    What cannot be sent is dropped: a queue of two thousand spans is all that a collector's absence takes up. The rest
    is sent when the process ends.
    """
    # The name that the environment gives counts more.
    provider = TracerProvider(resource=Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME", _NAME)}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    logging.getLogger(_LOGGER).addFilter(TraceIds())
    return provider.get_tracer(_NAME)
