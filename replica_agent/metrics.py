"""What the agent counts, in Prometheus' text format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from replica_agent.buckets import BRING_SECONDS, FIRST_TOKEN_SECONDS, PROMPT_RATES, REQUEST_SECONDS, TOKEN_RATES
from replica_agent.genai import GenAi
from replica_agent.status import Status, Track

__all__ = ["Metrics", "RequestMetrics"]

_PREFIX = "replica_"


class RequestMetrics:
    """Of requests that pass, in a registry of their own.

    Label values are bounded: `model` by names that are known (all else is `other`), the rest by this code.
    """

    def __init__(self, prefix: str) -> None:
        disable_created_metrics()
        self._prefix = prefix
        self.registry = CollectorRegistry()
        # The process's own memory, CPU time and start, under the names that every exporter has for them.
        ProcessCollector(registry=self.registry)
        self.gen_ai = GenAi(self.registry)
        self.requests = self._counter("requests", "Requests that were answered", "route", "model", "status")
        self.errors = self._counter("request_errors", "Requests that did not end well", "route", "model", "reason")
        self.seconds = self._histogram(
            "request_seconds", "From the request's arrival to its last byte", REQUEST_SECONDS
        )
        self.first = self._histogram(
            "time_to_first_token_seconds", "To a streamed answer's first piece", FIRST_TOKEN_SECONDS
        )
        self.rate = self._histogram("generated_tokens_per_second", "Rate of one answer", TOKEN_RATES)
        self.prompt_rate = self._histogram("prompt_tokens_per_second", "Rate at which a prompt was read", PROMPT_RATES)
        self.prompt_tokens = self._counter("prompt_tokens", "Prompt tokens that were evaluated", "model")
        self.generated_tokens = self._counter("generated_tokens", "Tokens that were generated", "model")
        self.load_seconds = self._counter("model_load_seconds", "Time that requests waited for a model", "model")
        self.in_flight = self._gauge("requests_in_flight", "Requests that are being answered")
        self.waiting = self._gauge("requests_waiting", "Requests whose answer has not begun")
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

    def __init__(self, status: Status, volume: Path | None = None) -> None:
        """Make them.

        Args:
            status: read at each scrape.
            volume: a folder on the models' volume, whose room is told; None where nothing is known of it.
        """
        super().__init__(_PREFIX)
        self.registry.register(_Models(status))
        if volume is not None:
            self.registry.register(_Volume(volume))
        self.watching = self._gauge("watch_connected", "1 while the wanted list is followed")
        self.watch_failures = self._gauge("watch_failures", "Failures to follow the wanted list since the start")
        self.tries = self._counter("model_tries", "Times that a model was looked at or brought", "model", "result")
        self.drifts = self._counter("model_drifts", "Times that a model that was there was found changed", "model")
        self.pulled = self._counter("model_pulled_bytes", "Bytes that were downloaded", "model")
        self.bring_seconds = self._histogram("model_bring_seconds", "To bring one that was not there", BRING_SECONDS)
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
        digests = GaugeMetricFamily(
            f"{_PREFIX}model_info", "1, with the digest that is there", labels=("model", "digest")
        )
        matches = GaugeMetricFamily(
            f"{_PREFIX}model_digest_as_wanted", "0 while another digest is there than the pinned one", labels=("model",)
        )
        for track in self._status:
            if track.digest is not None:
                digests.add_metric((track.name, track.digest), 1)
            wrong = _wrong_digest(track)
            if wrong is not None:
                matches.add_metric((track.name,), float(not wrong))
            phases.add_metric((track.name, track.phase), 1)
            sizes.add_metric((track.name,), track.size)
            done.add_metric((track.name,), track.completed)
            failures.add_metric((track.name, track.failure.kind if track.failure is not None else ""), track.failures)
        yield from (phases, sizes, done, failures, digests, matches)
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


def _wrong_digest(track: Track) -> bool | None:
    """Whether what is there is not what is pinned; None where nothing is pinned, or nothing is there."""
    if track.entry.digest is None or track.digest is None:
        return None
    return track.entry.digest != track.digest


class _Volume(Collector):
    """The file system of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterator[Metric]:
        found = os.statvfs(self._folder)
        for name, text, blocks in (
            ("volume_size_bytes", "Size of the models' volume", found.f_blocks),
            ("volume_free_bytes", "Of that, free for the models", found.f_bavail),
        ):
            family = GaugeMetricFamily(_PREFIX + name, text)
            family.add_metric((), blocks * found.f_frsize)
            yield family
