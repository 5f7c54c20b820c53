"""What a model's memory depends on: facts of the model, and how it is served."""

from dataclasses import dataclass
from typing import Literal

CacheType = Literal["f16", "q8_0", "q4_0"]

_NO_CACHE = frozenset({"bert", "nomic-bert"})
"""Encoders read a text as a whole, and keep no keys and values of earlier tokens."""

_ONE_REQUEST = frozenset(
    {
        *("lfm2", "lfm2moe", "mllama", "nemotron_h", "nemotron_h_moe"),
        *("qwen35", "qwen35moe", "qwen3next", "qwen3vl", "qwen3vlmoe"),
    }
)
"""Families that Ollama 0.17.4 serves one request at a time, whatever OLLAMA_NUM_PARALLEL says (server/sched.go)."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A model, as its GGUF header tells it. Sizes are in bytes, lengths in tokens.

    Attributes:
        weights: of all tensors: the model layer of its manifest is this and a header of some megabytes.
        layers: blocks, each with a cache of its own.
        heads: of attention, in a layer.
        kv_heads: those that have keys and values of their own.
        head_size: elements of a key; of a value too where `value_size` does not say otherwise.
        embedding: elements of a token's vector.
        vocabulary: tokens there are.
        context: that it was trained with; Ollama never serves more.
        architecture: `general.architecture`.
        value_size: elements of a value.
        window: tokens that a layer with a sliding window keeps; None where every layer keeps all.
        full_every: every how many layers one keeps all, where there is a window.
    """

    weights: int
    layers: int
    heads: int
    kv_heads: int
    head_size: int
    embedding: int
    vocabulary: int
    context: int
    architecture: str = "llama"
    value_size: int | None = None
    window: int | None = None
    full_every: int = 1

    @property
    def element_pairs(self) -> int:
        """Elements that one token adds to the cache of one layer."""
        return self.kv_heads * (self.head_size + (self.head_size if self.value_size is None else self.value_size))

    @property
    def encodes(self) -> bool:
        """Whether it makes vectors of texts, and no text."""
        return self.architecture in _NO_CACHE

    @property
    def one_request(self) -> bool:
        """Whether Ollama gives it one request at a time."""
        return self.encodes or self.architecture in _ONE_REQUEST


@dataclass(frozen=True, kw_only=True)
class Serving:
    """How Ollama is set up.

    Attributes:
        context: tokens of one request (OLLAMA_CONTEXT_LENGTH).
        parallel: requests at once (OLLAMA_NUM_PARALLEL); each has a context of its own.
        cache_type: of keys and values (OLLAMA_KV_CACHE_TYPE); what is not f16 needs flash attention.
        flash: OLLAMA_FLASH_ATTENTION; None leaves it to the model's engine.
        batch: tokens of a prompt that are computed together (`num_batch`, 512).
    """

    context: int = 4096
    parallel: int = 1
    cache_type: CacheType = "f16"
    flash: bool | None = None
    batch: int = 512
