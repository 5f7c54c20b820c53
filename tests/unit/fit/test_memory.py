"""The estimate's properties: it never falls where something grows, and says each part in bytes.

What it says against what a real Ollama uses is in tests/ollama/test_fit.py.
"""

from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from fit import Facts, Room, Serving, check, estimate
from fit.library import KNOWN
from fit.memory import GIB, GPU_RESERVE, MIB

LLAMA = KNOWN["llama3.1:8b"].facts()
TOKENS = st.integers(1, 200_000)

facts = st.builds(
    Facts,
    weights=st.integers(1, 10**12),
    layers=st.integers(1, 200),
    heads=st.integers(1, 128),
    kv_heads=st.integers(1, 128),
    head_size=st.integers(1, 512),
    embedding=st.integers(1, 16384),
    vocabulary=st.integers(1, 300_000),
    context=st.integers(1, 1_000_000),
    architecture=st.sampled_from(("llama", "qwen2", "gemma3", "bert", "qwen3vl")),
    window=st.none() | st.integers(1, 8192),
    full_every=st.integers(1, 8),
)
servings = st.builds(
    Serving,
    context=TOKENS,
    parallel=st.integers(1, 16),
    cache_type=st.sampled_from(("f16", "q8_0", "q4_0")),
    flash=st.none() | st.booleans(),
)


def total(model: Facts, serving: Serving) -> int:
    return estimate(model, serving).on_cpu


@given(facts, servings, TOKENS)
def test_more_context_is_never_less_memory(model: Facts, serving: Serving, more: int) -> None:
    longer = replace(serving, context=serving.context + more)
    assert total(model, longer) >= total(model, serving)


@given(facts, servings, st.integers(1, 16))
def test_more_requests_are_never_less_memory(model: Facts, serving: Serving, more: int) -> None:
    busier = replace(serving, parallel=serving.parallel + more)
    assert total(model, busier) >= total(model, serving)


@given(facts, servings, st.sampled_from(("layers", "heads", "kv_heads", "head_size", "vocabulary", "weights")))
def test_a_larger_model_is_never_less_memory(model: Facts, serving: Serving, what: str) -> None:
    larger = replace(model, **{what: getattr(model, what) * 2})
    if what == "layers" and model.window is not None:
        larger = replace(larger, window=None)
        model = replace(model, window=None)
    assert total(larger, serving) >= total(model, serving)


@given(facts, servings)
def test_a_smaller_cache_type_is_never_more(model: Facts, serving: Serving) -> None:
    sizes = [estimate(model, replace(serving, cache_type=kind, flash=True)).cache for kind in ("f16", "q8_0", "q4_0")]
    assert sizes == sorted(sizes, reverse=True)


@given(facts, servings)
def test_a_quantized_cache_without_flash_attention_stays_f16(model: Facts, serving: Serving) -> None:
    plain = replace(serving, cache_type="f16", flash=False)
    assert estimate(model, replace(plain, cache_type="q4_0")) == estimate(model, plain)


@given(facts, servings, st.integers(1, 8))
def test_more_gpus_never_need_less_in_all(model: Facts, serving: Serving, count: int) -> None:
    found = estimate(model, serving)
    assert found.on_gpus(count + 1) >= found.on_gpus(count) >= found.model + GPU_RESERVE


@given(facts, servings, st.integers(0, 10**13), st.integers(0, 10**13))
def test_more_room_never_makes_it_worse(model: Facts, serving: Serving, room: int, more: int) -> None:
    if check(model, serving, Room(memory=room)).fits:
        assert check(model, serving, Room(memory=room + more)).fits


def test_the_cache_of_llama_is_what_its_shape_says() -> None:
    # 32 layers x 8 heads x (128 + 128) elements x 2 bytes = 128 KiB a token.
    assert estimate(LLAMA, Serving(context=8192)).cache == 8192 * 128 * 1024
    assert estimate(LLAMA, Serving(context=8192, parallel=4)).cache == 4 * 8192 * 128 * 1024
    quantized = Serving(context=8192, cache_type="q8_0", flash=True)
    assert estimate(LLAMA, quantized).cache == 8192 * 128 * 1024 * 34 // 64


def test_a_context_is_cut_to_the_trained_one() -> None:
    assert estimate(LLAMA, Serving(context=10**6)) == estimate(LLAMA, Serving(context=131072))


def test_an_encoder_has_no_cache_and_one_request() -> None:
    encoder = KNOWN["all-minilm:22m"].facts()
    one = estimate(encoder, Serving(context=512))
    assert one.cache == 0
    assert estimate(encoder, Serving(context=512, parallel=8)) == one


def test_a_window_keeps_the_cache_small() -> None:
    windowed = replace(LLAMA, layers=30, window=1024, full_every=6)
    whole = estimate(replace(windowed, window=None), Serving(context=32768)).cache
    part = estimate(windowed, Serving(context=32768)).cache
    # 5 of 30 layers keep 32768 tokens, 25 keep 1024 and a batch.
    assert part * (30 * 32768) == whole * (5 * 32768 + 25 * (1024 + 512))


def test_gpus_hold_the_model_or_it_does_not_fit() -> None:
    memory = Room(memory=16 * GIB, gpus=1, gpu_memory=24 * GIB)
    assert check(LLAMA, Serving(), memory).fits
    small = check(LLAMA, Serving(), replace(memory, gpu_memory=5 * GIB))
    assert small.fits is False
    assert small.place == "GPU memory"
    assert check(LLAMA, Serving(), replace(memory, gpu_memory=5 * GIB, gpus=2)).fits
    assert check(LLAMA, Serving(), replace(memory, gpu_memory=None)).fits is None
    assert check(LLAMA, Serving(), replace(memory, gpu_overhead=20 * GIB)).fits is False


def test_the_host_needs_some_memory_beside_gpus_too() -> None:
    verdict = check(LLAMA, Serving(), Room(memory=64 * MIB, gpus=1, gpu_memory=80 * GIB))
    assert verdict.fits is False
    assert verdict.place == "memory"


def test_a_verdict_tells_its_numbers() -> None:
    told = str(check(LLAMA, Serving(context=4096), Room(memory=4 * GIB)))
    assert told == (
        "needs 5.6 GiB of memory (4.7 GiB of weights, 512 MiB of cache, 296 MiB to compute), and 4.0 GiB is there"
    )


def test_a_thousand_models_take_less_than_a_second() -> None:
    begun = time.process_time()
    for number in range(1000):
        check(LLAMA, Serving(context=1024 + number), Room(memory=16 * GIB, gpus=2, gpu_memory=24 * GIB))
    assert time.process_time() - begun < 1.0
