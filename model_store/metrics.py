"""What the store counts, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics, generate_latest

__all__ = ["Metrics"]


class Metrics:
    """The store's counters and gauges, in a registry of their own (one a service, so tests can have many)."""

    def __init__(self) -> None:
        # A second series for each counter, with the time it was made, helps nobody here.
        disable_created_metrics()
        self.registry = CollectorRegistry()
        self.upstream_requests = self._counter(
            "upstream_requests", "Requests to upstream endpoints", "host", "kind", "status"
        )
        self.upstream_bytes = self._counter("upstream_bytes", "Body bytes received from upstream", "host")
        self.served_bytes = self._counter("served_bytes", "Body bytes sent to clients", "kind")
        self.requests = self._counter("requests", "Requests answered", "method", "route", "status")
        self.failures = self._counter("failures", "Requests and downloads that failed", "reason")
        self.stale = self._counter("stale_manifests_served", "Stored manifests served because no upstream answered")
        self.downloads_started = self._counter("downloads_started", "Blob downloads begun", "resumed")
        self.collected = self._counter("collected", "Things deleted from the volume", "kind", "reason")
        self.collected_bytes = self._counter("collected_bytes", "Bytes of blobs deleted from the volume", "reason")
        self.collections = self._counter("collections", "Garbage collections", "outcome")
        self.wanted_ok = self._gauge("wanted_list_usable", "1 while the list of wanted models can be read")
        self.wanted_models = self._gauge("wanted_models", "Models that the list names")
        self.scrubbed_bytes = self._counter("scrubbed_bytes", "Bytes of blobs hashed again")
        self.scrub_bad = self._counter("scrub_bad_blobs", "Blobs dropped since their bytes had changed on the volume")
        self.scrub_ended = self._gauge("scrub_ended_timestamp_seconds", "When all blobs had last been hashed again")
        self.downloads = self._gauge("downloads_in_flight", "Blob downloads running now")
        self.blobs = self._gauge("blobs_stored", "Verified blobs on the volume")
        self.stored_bytes = self._gauge("stored_bytes", "Bytes of verified blobs on the volume")
        self.partial_bytes = self._gauge("partial_bytes", "Bytes of unfinished downloads on the volume")
        self.max_bytes = self._gauge("max_bytes", "The configured limit; 0 when there is none")
        self.disk_size = self._gauge("disk_size_bytes", "Size of the volume's file system")
        self.disk_free = self._gauge("disk_free_bytes", "Free bytes on the volume")

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"model_store_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(f"model_store_{name}", text, registry=self.registry)

    def observe(self, gauge: Gauge, read: Callable[[], float]) -> None:
        """Have a gauge read its value at each scrape."""
        gauge.set_function(read)

    def render(self) -> bytes:
        """The exposition."""
        return generate_latest(self.registry)
