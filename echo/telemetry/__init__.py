"""Traces: from a request through what it waits for to what is learned from it. Off unless a collector is named.

The environment is OpenTelemetry's own: `OTEL_EXPORTER_OTLP_ENDPOINT` turns it on, `OTEL_TRACES_SAMPLER` and
`OTEL_TRACES_SAMPLER_ARG` say how much is kept. Texts of prompts and answers are in no span.
"""

from __future__ import annotations

from echo.telemetry.spans import Origin, origin, span

__all__ = ["Origin", "origin", "span"]
