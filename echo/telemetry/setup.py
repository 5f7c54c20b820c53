"""Whether there are traces, and how parts of the service add to them."""

from __future__ import annotations

import functools
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Tracer

from echo.engine.engine import Engine

__all__ = ["engine_kind", "on", "span"]

_ON = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def on(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a collector is named."""
    return any(environment.get(name) for name in _ON)


@functools.cache
def _tracer() -> Tracer:
    # What sends them takes memory and time to load, so nobody pays for it who has no collector.
    from echo.telemetry.sending import set_up  # noqa: PLC0415

    return set_up()


def engine_kind() -> type[Engine]:
    """Return the kind of engine that the service is to have."""
    if not on():
        return Engine
    from echo.telemetry.engine import TracedEngine  # noqa: PLC0415

    return TracedEngine.by(_tracer())


@contextmanager
def span(name: str, **attributes: str | bool | float) -> Generator[None]:
    """Stand around a part of a request, such as recall; costs next to nothing where there are no traces.

    Args:
        name: of few values: the kind of work, never what it is about.
        attributes: figures and names of models; never what somebody said.
    """
    if not trace.get_current_span().is_recording():
        yield
        return
    with _tracer().start_as_current_span(name, attributes=attributes):
        yield
