"""The table of known models against figures that were published, and how a tag is read."""

from __future__ import annotations

import pytest

from fit.library import KNOWN, known, smaller
from fit.memory import GIB


@pytest.mark.parametrize(
    ("name", "quantization", "published"),
    [
        # tools/quantize/README.md of llama.cpp.
        ("llama3.1:8b", "Q4_K_M", 4.58 * GIB),
        ("llama3.1:8b", "Q8_0", 7.95 * GIB),
        ("llama3.1:8b", "F16", 14.96 * GIB),
        ("llama3.1:8b", "Q2_K", 2.95 * GIB),
        ("llama3.1:70b", "Q4_K_M", 43.1e9),
    ],
)
def test_computed_sizes_are_a_little_above_the_published(name: str, quantization: str, published: float) -> None:
    computed = KNOWN[name].weights.size(quantization)
    assert 0.998 * published <= computed <= 1.15 * published


@pytest.mark.parametrize("model", KNOWN.values(), ids=lambda model: model.name)
def test_shapes_agree_with_themselves(model: object) -> None:
    assert model in KNOWN.values()
    one = KNOWN[getattr(model, "name", "")]
    assert one.heads % one.kv_heads == 0
    assert one.parameters > one.embedding * one.vocabulary
    # Attention alone: queries and outputs of all heads, keys and values of those that have some.
    attention = one.layers * one.embedding * one.head_size * 2 * (one.heads + one.kv_heads)
    assert one.parameters > attention


@pytest.mark.parametrize(
    ("model", "tag", "quantization"),
    [
        ("llama3.1", "8b", "Q4_K_M"),
        ("llama3.1", "latest", "Q4_K_M"),
        ("llama3.1", "8b-instruct-q8_0", "Q8_0"),
        ("llama3.1", "8b-instruct-q4_K_M", "Q4_K_M"),
        ("qwen2.5", "0.5b-instruct-fp16", "F16"),
        ("llama3.2", "1b", "Q8_0"),
        ("smollm2", "135m-instruct-q2_K", "Q2_K"),
    ],
)
def test_tags_are_read(model: str, tag: str, quantization: str) -> None:
    found = known(model, tag)
    assert found is not None
    assert found[1].weights == found[0].weights.size(quantization)


@pytest.mark.parametrize(
    ("model", "tag"), [("llama3.1", "8b-instruct-iq9"), ("llama3.1", "9b"), ("nobody", "latest"), ("mistral", "nemo")]
)
def test_what_is_not_understood_is_not_guessed(model: str, tag: str) -> None:
    assert known(model, tag) is None


def test_smaller_quantizations_come_best_first() -> None:
    model = KNOWN["llama3.1:8b"]
    found = list(smaller(model.weights, model.weights.size("Q5_K_M")))
    assert [name for name, _ in found] == ["Q4_K_M", "Q3_K_M", "Q2_K"]
    assert list(smaller(None, 10**12)) == []
