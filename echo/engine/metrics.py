"""What the service counts, in Prometheus' text format."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Sequence

from prometheus_client import Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from echo.engine.fleet import Fleet
from echo.mind import MindState
from replica_agent.metrics import RequestMetrics

__all__ = ["EchoMetrics"]

_PREFIX = "echo_"
_RECALL = (0.005, 0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 1, 2, 5)
_WAIT = (0.001, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60)


class EchoMetrics(RequestMetrics):
    """Counters, gauges and histograms of one replica of the service."""

    def __init__(self, fleet: Fleet) -> None:
        super().__init__(_PREFIX)
        self.registry.register(_Replicas(fleet))
        self.queue_seconds = self._histogram("queue_wait_seconds", "From a request's body to its slot", _WAIT)
        self.retries = self._counter("retries", "Requests that were sent to another replica", "model", "reason")
        self.auth_failures = self._counter("auth_failures", "Requests whose key was not good", "reason")
        self.limited = self._counter("limited", "Requests beyond a key's limits", "key")
        self.websockets = self._gauge("websockets", "WebSockets that are open")
        self.waiting = self._gauge("queue_waiting", "Requests that wait for a slot")
        self.held = self._gauge("held_bytes", "Bytes of requests that are held")
        self.config_loads = self._gauge("config_loads", "Changes of the configuration that were applied")
        self.config_refusals = self._gauge("config_refusals", "Changes of the configuration that were refused")
        self.recalls = self._counter("memory_recalls", "Requests that a memory was asked for", "outcome")
        self.recalled = self._counter("memory_recalled", "Memories that were put before a prompt")
        self.recall_seconds = Histogram(
            f"{_PREFIX}memory_recall_seconds", "Recall before an answer", buckets=_RECALL, registry=self.registry
        )
        self.turns = self._counter("memory_turns", "Turns, by what became of them", "outcome")
        self.learn_seconds = Histogram(
            f"{_PREFIX}memory_learn_seconds", "Learning from one turn", buckets=_WAIT, registry=self.registry
        )
        self.tidied = self._counter("memory_tidied", "Memories, by what was done to them: merged, forgotten", "what")
        for what in ("merged", "forgotten"):
            self.tidied.labels(what)
        self._judged = self._counter("memory_judged", "Answers that somebody judged, each verdict once", "verdict")
        for verdict in ("good", "neutral", "bad"):
            self._judged.labels(verdict)
        self.turns_waiting = self._gauge("memory_turns_waiting", "Turns that wait to be learned from")
        self.memory_up = self._gauge("memory_up", "1 while the memory store can be used; 0 too where there is none")
        self.memory_coherence = self._gauge(
            "memory_coherence", "Mean coherence of the spaces that this replica measured; NaN where it measured none"
        )
        self.memory_listeners = self._gauge("memory_listeners", "Who listens to events of spaces")
        self.events_shared = self._gauge("events_shared", "1 while events reach other replicas of the service")
        self.events_unsent = self._gauge("events_unsent", "Events that were left out, since too many waited")
        self.config_bad = self._gauge("config_bad", "1 while the files say what could not be applied")

    def judged(self, value: float) -> None:
        """Count a verdict by its sign."""
        self._judged.labels("good" if value > 0 else "bad" if value < 0 else "neutral").inc()

    def minds(self, states: Callable[[], Collection[MindState]]) -> None:
        """Tell what minds are like, from what is known of them at each scrape."""
        self.registry.register(_Minds(states))

    def watch(self, **reads: Callable[[], float]) -> None:
        """Have gauges read their values at each scrape."""
        for name, read in reads.items():
            self.observe(getattr(self, name), read)


class _Replicas(Collector):
    """Reads the fleet at each scrape, so that no series outlives its replica."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def collect(self) -> Iterator[Metric]:
        labels = ("server", "replica")
        up = GaugeMetricFamily(f"{_PREFIX}replica_up", "1 while it answers", labels=labels)
        leaving = GaugeMetricFamily(f"{_PREFIX}replica_leaving", "1 while it drains", labels=labels)
        own = GaugeMetricFamily(f"{_PREFIX}replica_requests", "Requests of this service that run there", labels=labels)
        models = GaugeMetricFamily(f"{_PREFIX}replica_models", "Models that it can be asked for", labels=labels)
        for replica in self._fleet:
            key = (replica.server, replica.name)
            up.add_metric(key, float(replica.up))
            leaving.add_metric(key, float(replica.leaving))
            own.add_metric(key, replica.own)
            models.add_metric(key, len(replica.models))
        yield from (up, leaving, own, models)


class _Minds(Collector):
    """Means and sums over spaces: a series for each would grow with those who use the service, and tell of them."""

    def __init__(self, states: Callable[[], Collection[MindState]]) -> None:
        self._states = states

    def collect(self) -> Iterator[Metric]:
        states = list(self._states())
        spaces = GaugeMetricFamily(f"{_PREFIX}mind_spaces", "Spaces that this replica learned in")
        spaces.add_metric((), len(states))
        feelings = GaugeMetricFamily(
            f"{_PREFIX}mind_emotion", "Mean of the spaces where anything was felt", labels=("dimension",)
        )
        for name in ("valence", "arousal", "dominance", "complexity"):
            feelings.add_metric((name,), _mean([getattr(one.emotion, name) for one in states if one.emotion]))
        resonance = GaugeMetricFamily(f"{_PREFIX}mind_resonance", "Mean intensity of what comes back to minds")
        resonance.add_metric((), _mean([one.resonance for one in states]))
        load = GaugeMetricFamily(f"{_PREFIX}mind_load", "Mean load by what waits to be consolidated")
        load.add_metric((), _mean([one.load for one in states]))
        rate = GaugeMetricFamily(f"{_PREFIX}mind_learning_rate", "Mean rate of learning")
        rate.add_metric((), _mean([one.rate for one in states]))
        lived = GaugeMetricFamily(f"{_PREFIX}mind_experiences", "Experiences in those spaces")
        lived.add_metric((), sum(one.experiences for one in states))
        patterns = GaugeMetricFamily(f"{_PREFIX}mind_patterns", "Patterns in those spaces")
        patterns.add_metric((), sum(one.patterns for one in states))
        memories = GaugeMetricFamily(f"{_PREFIX}mind_memories", "Live memories in those spaces", labels=("kind",))
        for kind in sorted({kind for one in states for kind in one.memories}):
            memories.add_metric((kind,), sum(one.memories.get(kind, 0) for one in states))
        yield from (spaces, feelings, resonance, load, rate, lived, patterns, memories)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else math.nan
