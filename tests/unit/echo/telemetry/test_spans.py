"""Parts of the work: within what runs, after what is over, pointing to what they are about; never a text.

With OpenTelemetry's own tracer, its spans kept in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import StatusCode, Tracer

from echo.telemetry import Origin, origin, span
from tests.support.spans import kept_spans

SECRET = "the safe's number is 7341"


@dataclass(frozen=True)
class Kept:
    """A tracer, and what became of its spans."""

    tracer: Tracer
    exporter: InMemorySpanExporter

    def named(self, name: str) -> ReadableSpan:
        (found,) = [one for one in self.exporter.get_finished_spans() if one.name == name]
        return found


@pytest.fixture
def kept() -> Iterator[Kept]:
    with kept_spans() as (tracer, exporter):
        yield Kept(tracer, exporter)


def test_a_part_is_a_child_and_tells_figures(kept: Kept) -> None:
    with kept.tracer.start_as_current_span("request") as request:
        with span("recall", limit=8) as told:
            told(memories=3, outcome="used")
        context = request.get_span_context()
    found = kept.named("recall")
    assert found.parent is not None
    assert found.parent.span_id == context.span_id
    assert dict(found.attributes or {}) == {"echo.limit": 8, "echo.memories": 3, "echo.outcome": "used"}


def test_tasks_of_a_part_are_its_children(kept: Kept) -> None:
    async def inner(name: str) -> None:
        with span(name):
            await asyncio.sleep(0)

    async def both() -> None:
        with span("recall"):
            await asyncio.gather(inner("retrieval"), inner("mind"))

    with kept.tracer.start_as_current_span("request"):
        asyncio.run(both())
    recall = kept.named("recall").context
    assert recall is not None
    parents = [kept.named(name).parent for name in ("retrieval", "mind")]
    assert [one.span_id for one in parents if one is not None] == [recall.span_id] * 2


def test_what_comes_after_a_request_is_in_its_trace(kept: Kept) -> None:
    with kept.tracer.start_as_current_span("request"):
        begun = origin()
    assert begun is not None
    with span("learn", after=begun), span("consolidation"):
        pass
    learn, inner = kept.named("learn"), kept.named("consolidation")
    assert learn.context is not None
    assert learn.parent is not None
    assert inner.parent is not None
    assert (learn.context.trace_id, learn.parent.span_id) == (begun.trace_id, begun.span_id)
    assert inner.parent.span_id == learn.context.span_id


def test_what_is_about_many_points_to_them_from_a_trace_of_its_own(kept: Kept) -> None:
    begun: list[Origin] = []
    for name in ("one", "two"):
        with kept.tracer.start_as_current_span(name):
            found = origin()
            assert found is not None
            begun.append(found)
    with kept.tracer.start_as_current_span("around"), span("rest", links=begun), span("forgetting"):
        pass
    rest, inner = kept.named("rest"), kept.named("forgetting")
    assert rest.context is not None
    assert rest.parent is None
    assert [one.context.span_id for one in rest.links] == [one.span_id for one in begun]
    assert rest.context.trace_id not in {one.trace_id for one in begun}
    assert inner.parent is not None
    assert inner.parent.span_id == rest.context.span_id


def test_an_error_is_told_by_its_class_alone(kept: Kept) -> None:
    request = kept.tracer.start_as_current_span("request", record_exception=False)
    with pytest.raises(ValueError, match="7341"), request, span("recall"):
        raise ValueError(SECRET)
    found = kept.named("recall")
    assert dict(found.attributes or {}) == {"error.type": "ValueError"}
    assert (found.status.status_code, found.status.description, found.events) == (StatusCode.ERROR, None, ())
    assert "7341" not in found.to_json()


def test_nothing_is_made_where_nobody_keeps_a_trace(kept: Kept) -> None:
    assert origin() is None
    with span("recall") as told:
        told(memories=1)
    with span("rest", links=()):
        pass
    assert kept.exporter.get_finished_spans() == ()
    with kept_spans(ALWAYS_OFF) as (tracer, exporter), tracer.start_as_current_span("request"):
        assert origin() is None
        with span("recall"):
            pass
        assert exporter.get_finished_spans() == ()
