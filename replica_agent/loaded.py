"""Which models Ollama has in memory, and how much of it they take: asked every few seconds, told as metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ollama import OllamaClient, OllamaError

__all__ = ["Loaded"]

_EVERY_S = 5.0
_OTHER = "other"


class Loaded(Collector):
    """Models in memory as of the last look; loads and unloads since the agent's start.

    A model that comes and goes between two looks is not seen. Ollama tells of no loads itself.
    """

    def __init__(self, client: OllamaClient, label: Callable[[str | None], str]) -> None:
        """Prepare.

        Args:
            client: this pod's Ollama.
            label: the label of a model's name; what is not wanted is `other`.
        """
        self._client = client
        self._label = label
        self._sizes: dict[str, tuple[int, int]] = {}
        self._names: set[str] = set()
        self._loads: dict[str, int] = {}
        self._unloads: dict[str, int] = {}

    async def run(self) -> None:
        """Look for ever."""
        while True:
            await self.look()
            await asyncio.sleep(_EVERY_S)

    async def look(self) -> None:
        """Ask Ollama once; what cannot be asked is taken for nothing in memory."""
        try:
            models = await self._client.ps()
        except OllamaError:
            # It is starting, or gone: its models went with it, and are counted as unloaded.
            models = []
        names = {model.name for model in models}
        for name in names - self._names:
            self._count(self._loads, name)
        for name in self._names - names:
            self._count(self._unloads, name)
        sizes: dict[str, tuple[int, int]] = {}
        for model in models:
            label = self._label(model.name)
            whole, on_gpu = sizes.get(label, (0, 0))
            sizes[label] = (whole + model.size, on_gpu + model.size_vram)
        self._names, self._sizes = names, sizes

    def _count(self, counts: dict[str, int], name: str) -> None:
        label = self._label(name)
        counts[label] = counts.get(label, 0) + 1

    def collect(self) -> Iterator[Metric]:
        """Yield the families; called at each scrape."""
        memory = GaugeMetricFamily("replica_model_memory_bytes", "Memory that a loaded model takes", labels=("model",))
        on_gpu = GaugeMetricFamily("replica_model_gpu_memory_bytes", "Of that, on GPUs", labels=("model",))
        for label, (whole, part) in self._sizes.items():
            memory.add_metric((label,), whole)
            on_gpu.add_metric((label,), part)
        loads = CounterMetricFamily("replica_model_loads", "Models that came into memory", labels=("model",))
        unloads = CounterMetricFamily("replica_model_unloads", "Models that left the memory", labels=("model",))
        for family, counts in ((loads, self._loads), (unloads, self._unloads)):
            for label, count in counts.items():
                family.add_metric((label,), count)
        loaded = GaugeMetricFamily("replica_models_loaded", "Models in memory")
        loaded.add_metric((), len(self._names))
        yield from (memory, on_gpu, loads, unloads, loaded)
