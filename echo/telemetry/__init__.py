"""Traces: from a request through what it waits for to the last token. Off unless a collector is named.

The environment is OpenTelemetry's own: `OTEL_EXPORTER_OTLP_ENDPOINT` turns it on, `OTEL_TRACES_SAMPLER` and
`OTEL_TRACES_SAMPLER_ARG` say how much is kept. Texts of prompts and answers are in no span.
"""

from __future__ import annotations

from echo.telemetry.setup import engine_kind, span

__all__ = ["engine_kind", "span"]
