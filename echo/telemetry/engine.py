"""The engine with a span around each request, and one for each thing that Ollama says took time."""

from __future__ import annotations

import time
from typing import ClassVar

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer
from starlette.types import Message, Receive, Scope, Send

from echo.engine.engine import Engine
from echo.telemetry.spans import failed
from replica_agent.meter import Meter

__all__ = ["TracedEngine"]

_OPERATIONS = {
    "/api/chat": "chat",
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/v1/messages": "chat",
    "/api/generate": "text_completion",
    "/v1/completions": "text_completion",
    "/api/embed": "embeddings",
    "/api/embeddings": "embeddings",
    "/v1/embeddings": "embeddings",
}
"""Path to what the OpenTelemetry conventions for GenAI call it."""

_FAULT = 500
_CONTEXT = (b"traceparent", b"tracestate")


class TracedEngine(Engine):
    """Answers as its parent does.

    A trace that the client began goes on, and the replica is told ours. Spans of Ollama's own work are made after the
    answer, of the durations in its last line: they are where the time went, in the order in which it went there.
    """

    tracer: ClassVar[Tracer]

    @classmethod
    def by(cls, tracer: Tracer) -> type[Engine]:
        """Return the class, with a tracer."""
        cls.tracer = tracer
        return cls

    async def answer(self, scope: Scope, receive: Receive, send: Send, route: str) -> None:
        """Answer a request for inference; `route` is its path as it is counted."""
        carried = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        attributes = {
            "http.request.method": str(scope["method"]),
            "http.route": route,
            "gen_ai.operation.name": _OPERATIONS.get(route, "other"),
            "gen_ai.provider.name": "ollama",
        }
        with self.tracer.start_as_current_span(
            f"{scope['method']} {route}",
            context=propagate.extract(carried),
            kind=SpanKind.SERVER,
            attributes=attributes,
            # An error's text may quote what somebody said.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            said = _Said(send)
            try:
                await super().answer(_with_context(scope), receive, said.take, route)
            except Exception as error:
                failed(span, error)
                raise
            if span.is_recording():
                if said.status:
                    span.set_attribute("http.response.status_code", said.status)
                if said.status >= _FAULT:
                    span.set_status(Status(StatusCode.ERROR))
                said.tell(self.tracer)


def _with_context(scope: Scope) -> Scope:
    """Have the replica hear of our span instead of the client's."""
    own: dict[str, str] = {}
    propagate.inject(own)
    kept = [(name, value) for name, value in scope["headers"] if name.lower() not in _CONTEXT]
    told = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in own.items()]
    return {**scope, "headers": [*kept, *(one for one in told if one[0] in _CONTEXT)]}


class _Said:
    """What passes to the client, by size and time."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._meter = Meter()
        self._first = 0
        self._last = 0
        self.status = 0

    async def take(self, message: Message) -> None:
        """Pass a message on."""
        await self._send(message)
        if message["type"] == "http.response.start":
            self.status = int(message["status"])
            return
        piece: bytes = message.get("body", b"")
        if piece:
            self._last = time.time_ns()
            self._first = self._first or self._last
            self._meter.take(piece)

    def tell(self, tracer: Tracer) -> None:
        """Add the figures to the current span, and a child for each of Ollama's durations."""
        if not self._last:
            return
        span = trace.get_current_span()
        reading = self._meter.read()
        span.add_event("first piece", timestamp=self._first)
        if reading.prompt_tokens is not None:
            span.set_attribute("gen_ai.usage.input_tokens", reading.prompt_tokens)
        if reading.generated_tokens is not None:
            span.set_attribute("gen_ai.usage.output_tokens", reading.generated_tokens)
        end = self._last
        for name, took in (
            ("tokens", reading.eval_ns), ("prompt", reading.prompt_ns), ("model load", reading.load_ns)
        ):  # fmt: skip
            if took:
                tracer.start_span(name, start_time=end - took).end(end)
                end -= took
