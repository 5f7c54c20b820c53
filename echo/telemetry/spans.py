"""How parts of the service add to a trace, also after the request that began it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, Tracer

__all__ = ["Origin", "Told", "Value", "failed", "on", "origin", "span", "tracer"]

_ON = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

Origin = SpanContext
"""Where work began that goes on elsewhere: enough to put it into the same trace, or to point to it."""

Value = str | bool | int | float
Told = Callable[..., None]
"""Adds attributes, which only the end of the work knows, to its span: `told(memories=3)`."""


def on(environment: Mapping[str, str] = os.environ) -> bool:
    """Return whether a collector is named."""
    return any(environment.get(name) for name in _ON)


@functools.cache
def tracer() -> Tracer:
    """Return the tracer of the process."""
    # What sends them takes memory and time to load, so nobody pays for it who has no collector.
    from echo.telemetry.sending import set_up  # noqa: PLC0415

    return set_up()


def origin() -> Origin | None:
    """Return where the work of now belongs; None where nobody keeps a trace of it."""
    found = trace.get_current_span().get_span_context()
    return found if found.is_valid and found.trace_flags.sampled else None


@contextmanager
def span(
    name: str, *, after: Origin | None = None, links: Iterable[Origin] = (), **attributes: Value
) -> Generator[Told]:
    """Stand around a part of the work, such as recall; costs next to nothing where nobody keeps a trace of it.

    Args:
        name: of few values: the kind of work, never what it is about.
        after: what it follows and belongs to, where that is over; else it is a part of what runs now.
        links: what it is about, where that is many things: it begins a trace of its own, which points to them.
        attributes: figures and names of models, each told as `echo.<name>`; never what somebody said.
    """
    pointed = [Link(one) for one in links]
    if not pointed and after is None and origin() is None:
        yield _to_nobody
        return
    context = None
    if after is not None:
        context = trace.set_span_in_context(NonRecordingSpan(after))
    elif pointed:
        context = trace.set_span_in_context(trace.INVALID_SPAN)
    with tracer().start_as_current_span(
        name,
        context=context,
        kind=SpanKind.INTERNAL,
        attributes=_named(attributes),
        links=pointed,
        # An error's text may quote what somebody said; its class does not.
        record_exception=False,
        set_status_on_exception=False,
    ) as current:

        def told(**more: Value) -> None:
            current.set_attributes(_named(more))

        try:
            yield told
        except Exception as error:
            failed(current, error)
            raise


def failed(current: Span, error: Exception) -> None:
    """Say in a span which kind of error ended it."""
    current.set_attribute("error.type", type(error).__name__)
    current.set_status(Status(StatusCode.ERROR))


def _named(attributes: Mapping[str, Value]) -> dict[str, Value]:
    return {f"echo.{name}": value for name, value in attributes.items()}


def _to_nobody(**_: Value) -> None:
    return
