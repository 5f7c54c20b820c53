"""The memory of a model that Ollama serves: weights, cache, compute graph, and what a process costs in itself.

Facts of Ollama 0.17.4 that it rests on: the cache of one layer is context x parallel x KV heads x (key + value)
elements, and the graph's largest tensors are the attention scores of a batch, or its logits (`fs/ggml/ggml.go`,
GraphSize); a context is cut to the trained one and a batch to the context, and a quantized cache needs flash
attention (`llm/server.go`, NewLlamaServer); on a CPU alone the weights are read into memory and not mapped
(`llm/server.go`, Load); 457 MiB of each GPU are left alone (`ml/device.go`, MinimumMemory).
"""

from dataclasses import dataclass
from types import MappingProxyType

from fit.facts import Facts, Serving

MIB = 1024**2
GIB = 1024**3

GPU_RESERVE = 457 * MIB
"""What Ollama keeps free of each GPU beside `gpuOverhead`."""

PROCESS = 128 * MIB
"""The server and one runner without a model's tensors: measured, see docs/gpus.md."""

_PAD = 256
"""llama.cpp rounds a context up to this many tokens."""
_FLOAT = 4
_HALF = 2
_BLOCK = 32
# A block of 32 elements has a scale of two bytes: 34 and 18 bytes. Ollama counts 32 and 16, so it is a little short.
_CACHE_BYTES = MappingProxyType({"f16": _HALF * _BLOCK, "q8_0": 34, "q4_0": 18})
"""Bytes of 32 elements."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Bytes, by what they are for."""

    weights: int
    cache: int
    graph: int
    """On each GPU that has a part of the model."""
    layer: int
    """The largest part that cannot be split between two GPUs."""
    host: int
    """Of the pod's memory where all of the model is on GPUs."""

    @property
    def model(self) -> int:
        """What Ollama itself reports as a model's size: weights and cache."""
        return self.weights + self.cache

    @property
    def on_cpu(self) -> int:
        """Of the pod's memory where the model is served without a GPU."""
        return self.model + self.graph + PROCESS

    def on_gpus(self, count: int) -> int:
        """Of `count` GPUs together, their reserve included, so that no layer is left to the CPU."""
        return self.model + count * (self.graph + GPU_RESERVE) + (count - 1) * self.layer


def estimate(facts: Facts, serving: Serving) -> Estimate:
    """The memory of one model.

    Never less where a context, parallel requests, layers or heads grow.
    """
    context = min(serving.context, facts.context)
    parallel = 1 if facts.one_request else serving.parallel
    # An encoder reads a text in one batch.
    batch = context if facts.encodes else min(serving.batch, context)
    tokens = -(-context // _PAD) * _PAD * parallel
    cache = 0 if facts.encodes else _cache(facts, serving, tokens, batch, parallel)
    per_layer = -(-(facts.weights + cache) // max(1, facts.layers))
    return Estimate(
        weights=facts.weights,
        cache=cache,
        graph=_graph(facts, serving, tokens, batch),
        layer=per_layer,
        host=PROCESS + _HALF * facts.embedding * facts.vocabulary,
    )


def _cache(facts: Facts, serving: Serving, tokens: int, batch: int, parallel: int) -> int:
    quantized = serving.cache_type if serving.flash is True else "f16"
    full = facts.layers if facts.window is None else facts.layers // facts.full_every
    kept = 0 if facts.window is None else min(tokens, facts.window * parallel + batch)
    elements = facts.element_pairs * (full * tokens + (facts.layers - full) * kept)
    return -(-elements // _BLOCK) * _CACHE_BYTES[quantized]


def _graph(facts: Facts, serving: Serving, tokens: int, batch: int) -> int:
    """Two phases use the same memory: attention over the whole context, and the logits at the end."""
    vectors = 4 * facts.embedding
    scores = tokens * (1 if serving.flash is True else 1 + facts.heads)
    return _FLOAT * batch * max(vectors + scores, facts.embedding + facts.vocabulary)
