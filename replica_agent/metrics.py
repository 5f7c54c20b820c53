"""What the agent counts, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from replica_agent.status import Status

__all__ = ["Metrics", "RequestMetrics"]

_PREFIX = "replica_"
# A first token takes from milliseconds (a small model in memory) to minutes (a large one from a slow disk).
_FIRST = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_WHOLE = (0.05, 0.25, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_RATE = (1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640)


class RequestMetrics:
    """Of requests that pass, in a registry of their own.

    Label values are bounded: `model` by names that are known (all else is `other`), the rest by this code.
    """

    def __init__(self, prefix: str) -> None:
        disable_created_metrics()
        self._prefix = prefix
        self.registry = CollectorRegistry()
        self.requests = self._counter("requests", "Requests that were answered", "route", "model", "status")
        self.errors = self._counter("request_errors", "Requests that did not end well", "route", "model", "reason")
        self.seconds = self._histogram("request_seconds", "From the request's arrival to its last byte", _WHOLE)
        self.first = self._histogram("time_to_first_token_seconds", "To a streamed answer's first piece", _FIRST)
        self.rate = self._histogram("generated_tokens_per_second", "Rate of one answer", _RATE)
        self.prompt_tokens = self._counter("prompt_tokens", "Prompt tokens that were evaluated", "model")
        self.generated_tokens = self._counter("generated_tokens", "Tokens that were generated", "model")
        self.load_seconds = self._counter("model_load_seconds", "Time that requests waited for a model", "model")
        self.in_flight = self._gauge("requests_in_flight", "Requests that are being answered")
        self.draining = self._gauge("draining", "1 while this replica leaves")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(self._prefix + name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(self._prefix + name, text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(self._prefix + name, text, ("model",), buckets=buckets, registry=self.registry)

    def observe(self, gauge: Gauge, read: Callable[[], float]) -> None:
        """Have a gauge read its value at each scrape."""
        gauge.set_function(read)

    def render(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)


class Metrics(RequestMetrics):
    """The agent's counters, gauges and histograms."""

    def __init__(self, status: Status) -> None:
        super().__init__(_PREFIX)
        self.registry.register(_Models(status))
        self.watching = self._gauge("watch_connected", "1 while the wanted list is followed")
        self.watch_failures = self._gauge("watch_failures", "Failures to follow the wanted list since the start")
        self.tries = self._counter("model_tries", "Times that a model was looked at or brought", "model", "result")
        self.drifts = self._counter("model_drifts", "Times that a model that was there was found changed", "model")
        self.removals = self._counter("model_removals", "Models removed since no longer wanted")
        self.events_lost = self._counter("events_lost", "Kubernetes Events that could not be written")


class _Models(Collector):
    """Reads the status at each scrape, so that no series outlives its model."""

    def __init__(self, status: Status) -> None:
        self._status = status

    def collect(self) -> Iterator[Metric]:
        phases = GaugeMetricFamily(f"{_PREFIX}model_phase", "1 for the phase it is in", labels=("model", "phase"))
        sizes = GaugeMetricFamily(f"{_PREFIX}model_bytes", "Bytes of all its blobs", labels=("model",))
        done = GaugeMetricFamily(f"{_PREFIX}model_completed_bytes", "Bytes on the disk so far", labels=("model",))
        failures = GaugeMetricFamily(f"{_PREFIX}model_failures", "Tries in a row that failed", labels=("model", "kind"))
        for track in self._status:
            phases.add_metric((track.name, track.phase), 1)
            sizes.add_metric((track.name,), track.size)
            done.add_metric((track.name,), track.completed)
            failures.add_metric((track.name, track.failure.kind if track.failure is not None else ""), track.failures)
        yield from (phases, sizes, done, failures)
        for name, text, value in (
            ("models_wanted", "Models on the list", sum(1 for _ in self._status)),
            ("models_ready", "Models that are there", sum(1 for track in self._status if track.phase == "Ready")),
            ("admitted", "1 once all models were there", float(self._status.admitted)),
            ("ollama_up", "1 while Ollama answers", float(self._status.ollama_up)),
            ("ollama_starts", "Times that Ollama was seen to start", self._status.ollama_life),
        ):
            family = GaugeMetricFamily(_PREFIX + name, text)
            family.add_metric((), value)
            yield family
