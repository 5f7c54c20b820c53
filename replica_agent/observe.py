"""Turn what passes the gate into metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from ollama.errors import ConfigurationError
from ollama.names import ModelName
from replica_agent.meter import Meter, Reading
from replica_agent.metrics import RequestMetrics
from replica_agent.paths import route_of

__all__ = ["Exchange", "Observer"]

_OTHER = "other"
_STREAMS = ("application/x-ndjson", "text/event-stream")
_NS = 1e9


@dataclass
class Exchange:
    """One request and its answer.

    Attributes:
        route: label of its path.
        began: when the request arrived.
        asked, answered: what was read of the two bodies.
        status: of the answer; 0 until it begins.
        complete: all of it but the end mark was handed to the client.
        on_answer: called once when the answer begins.
    """

    route: str
    began: float = field(default_factory=time.perf_counter)
    asked: Meter = field(default_factory=Meter)
    answered: Meter = field(default_factory=Meter)
    status: int = 0
    complete: bool = False
    first: float = 0.0
    last: float = 0.0
    streamed: bool = False
    reason: str = ""
    on_answer: Callable[[], None] = field(default=lambda: None)

    def answer_begins(self, status: int, content_type: str) -> None:
        """Note the answer's status and whether it comes piece by piece."""
        if self.status == 0:
            self.on_answer()
        self.status = status
        self.streamed = content_type.startswith(_STREAMS)

    def take(self, piece: bytes) -> None:
        """Note a piece of the answer."""
        self.last = time.perf_counter()
        if self.answered.pieces == 0:
            self.first = self.last
        self.answered.take(piece)

    def fail(self, reason: str) -> None:
        """Note why it does not end well; the first reason counts."""
        self.reason = self.reason or reason


class Observer:
    """Counts exchanges; holds which model names get a label of their own."""

    def __init__(self, metrics: RequestMetrics, names: Callable[[], Iterable[str]]) -> None:
        self._metrics = metrics
        self._names = names
        self._known: dict[str, str] = {}

    def refresh(self) -> None:
        """Read the wanted names anew."""
        self._known = {key: name for name in self._names() if (key := _key(name)) is not None}

    def label(self, model: str | None) -> str:
        """Return the model's label: the wanted name or alias that Ollama takes it for, else `other`."""
        if model is None:
            return _OTHER
        key = _key(model)
        return self._known.get(key, _OTHER) if key is not None else _OTHER

    def begin(self, raw_path: bytes) -> Exchange:
        """Note a request's arrival."""
        route = route_of(raw_path)
        waiting = self._metrics.waiting
        waiting.inc()
        return Exchange(route.name if route is not None else _OTHER, on_answer=waiting.dec)

    def end(self, exchange: Exchange) -> None:
        """Count an exchange that is over."""
        metrics = self._metrics
        if exchange.status == 0:
            metrics.waiting.dec()
        reading = exchange.answered.read()
        answered, asked = self.label(exchange.answered.model), self.label(exchange.asked.model)
        model = answered if answered != _OTHER else asked
        reason = _reason(exchange, reading)
        # No status was sent where the client left before the answer began; 499 is what proxies call that.
        status = 499 if exchange.status == 0 else exchange.status
        metrics.requests.labels(exchange.route, model, status).inc()
        if reason:
            metrics.errors.labels(exchange.route, model, reason).inc()
        if not exchange.complete or exchange.status != HTTPStatus.OK or not exchange.answered.pieces:
            return
        seconds = time.perf_counter() - exchange.began
        first = exchange.first - exchange.began if exchange.streamed else None
        metrics.seconds.labels(model).observe(seconds)
        if first is not None:
            metrics.first.labels(model).observe(first)
        rate = self._count_tokens(exchange, reading, model)
        each = None if rate is None else 1 / rate
        metrics.gen_ai.answered(exchange.route, model, seconds=seconds, first=first, each=each)

    def _count_tokens(self, exchange: Exchange, reading: Reading, model: str) -> float | None:
        """Count them; return the answer's rate, tokens a second, where it can be known."""
        metrics = self._metrics
        if reading.prompt_tokens and reading.prompt_ns:
            metrics.prompt_rate.labels(model).observe(reading.prompt_tokens / (reading.prompt_ns / _NS))
        if reading.prompt_tokens is not None:
            metrics.prompt_tokens.labels(model).inc(reading.prompt_tokens)
        if reading.load_ns is not None:
            metrics.load_seconds.labels(model).inc(reading.load_ns / _NS)
        if reading.generated_tokens is None:
            return None
        metrics.generated_tokens.labels(model).inc(reading.generated_tokens)
        if reading.eval_ns is not None:
            seconds, tokens = reading.eval_ns / _NS, reading.generated_tokens
        else:
            # The first token's time is not in the span between the first piece and the last.
            seconds, tokens = exchange.last - exchange.first, reading.generated_tokens - 1
        if seconds > 0 and tokens > 0 and (reading.eval_ns is not None or exchange.streamed):
            metrics.rate.labels(model).observe(tokens / seconds)
            return tokens / seconds
        return None


def _reason(exchange: Exchange, reading: Reading) -> str:
    """Return a word for what went wrong, or nothing."""
    if exchange.reason:
        return exchange.reason
    if exchange.status == HTTPStatus.SERVICE_UNAVAILABLE:
        return "queue_full"
    if exchange.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "server"
    if exchange.status >= HTTPStatus.BAD_REQUEST:
        return "client"
    if not exchange.complete:
        return "cut"
    return "in_stream" if reading.failed else ""


def _key(name: str) -> str | None:
    try:
        return ModelName.parse(name).key
    except ConfigurationError:
        return None
