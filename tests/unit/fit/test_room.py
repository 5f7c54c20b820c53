"""What is proposed where a model does not fit really fits."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fit import Room, Serving, check, suggestions
from fit.library import KNOWN
from fit.memory import GIB
from fit.room import longest_context, size

KNOWN_70B = KNOWN["llama3.3:70b"]
LARGE = KNOWN_70B.facts()
ROOMS = {"class `medium`": Room(memory=32 * GIB), "class `large`": Room(memory=64 * GIB)}


def test_the_nearest_class_and_quantization() -> None:
    found = suggestions(LARGE, Serving(), Room(memory=40 * GIB), rooms=ROOMS, weights=KNOWN_70B.weights)
    assert found[0] == "class `large`"
    assert found[1].startswith("the quantization Q3_K_M (")


def test_a_smaller_cache_or_context_where_weights_are_not_the_reason() -> None:
    model, serving = KNOWN["llama3.1:8b"].facts(), Serving(context=65536)
    room = Room(memory=24 * GIB, gpus=1, gpu_memory=12 * GIB)
    assert check(model, serving, room).fits is False
    found = suggestions(model, serving, room, rooms={})
    assert "`ollama.kvCacheType: q8_0` with `flashAttention: true`" in found
    (context,) = [int(one.split()[-1].strip("`")) for one in found if "contextLength" in one]
    assert check(model, replace(serving, context=context), room).fits
    assert not check(model, replace(serving, context=context + 256), room).fits


def test_nothing_is_proposed_that_does_not_fit() -> None:
    assert suggestions(LARGE, Serving(), Room(memory=GIB), rooms={}, weights=KNOWN_70B.weights) == []
    assert longest_context(LARGE, Serving(), Room(memory=GIB)) is None


@pytest.mark.parametrize(
    ("count", "told"), [(1, "1 MiB"), (310 * 1024**2, "310 MiB"), (GIB, "1.0 GiB"), (4_800_000_000, "4.5 GiB")]
)
def test_sizes_are_readable(count: int, told: str) -> None:
    assert size(count) == told
