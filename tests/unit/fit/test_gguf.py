"""Heads of GGUF files: facts out of a whole one, and a reason for each that is damaged.

The file that Ollama serves in tests/ollama/test_fit.py is read by the same code.
"""

from __future__ import annotations

import contextlib
import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fit import gguf
from tests.support.tiny_model import tiny_gguf

TINY = tiny_gguf(1)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def file(*pairs: bytes, version: int = 3) -> io.BytesIO:
    return io.BytesIO(b"GGUF" + struct.pack("<IQQ", version, 0, len(pairs)) + b"".join(pairs))


def number(key: str, value: int) -> bytes:
    return text(key) + struct.pack("<II", 4, value)


def numbers(key: str, values: list[int]) -> bytes:
    return text(key) + struct.pack("<IIQ", 9, 4, len(values)) + struct.pack(f"<{len(values)}I", *values)


def words(key: str, values: list[str]) -> bytes:
    return text(key) + struct.pack("<IIQ", 9, 8, len(values)) + b"".join(map(text, values))


def name(key: str, value: str) -> bytes:
    return text(key) + struct.pack("<I", 8) + text(value)


SHAPE = (
    name("general.architecture", "gemma3"),
    number("gemma3.block_count", 26),
    number("gemma3.attention.head_count", 4),
    number("gemma3.attention.head_count_kv", 1),
    number("gemma3.attention.key_length", 256),
    number("gemma3.attention.sliding_window", 512),
    number("gemma3.embedding_length", 1152),
    number("gemma3.context_length", 32768),
    words("tokenizer.ggml.tokens", ["a", "bc", ""]),
)


def test_a_models_facts() -> None:
    found = gguf.read(file(*SHAPE), 806_000_000)
    assert (found.weights, found.layers, found.heads, found.kv_heads, found.head_size) == (806_000_000, 26, 4, 1, 256)
    assert (found.embedding, found.vocabulary, found.context) == (1152, 3, 32768)
    assert (found.architecture, found.window, found.full_every) == ("gemma3", 512, 6)


def test_heads_that_differ_by_layer_count_as_the_most() -> None:
    pairs = [pair for pair in SHAPE if b"head_count_kv" not in pair]
    found = gguf.read(file(*pairs, numbers("gemma3.attention.head_count_kv", [1, 4, 0])), 1)
    assert found.kv_heads == 4


def test_a_real_file_of_the_tests_is_read() -> None:
    found = gguf.read(io.BytesIO(TINY), len(TINY))
    assert found.weights == len(TINY)
    assert found.layers >= 1


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (io.BytesIO(b"PK\x03\x04 and more"), "does not begin with `GGUF`"),
        (io.BytesIO(b""), "ends in the middle"),
        (file(version=1), "version 1; 2 and 3"),
        (file(), "does not say its architecture"),
        (file(*SHAPE[:1]), r"does not say gemma3\.attention\.head_count, .*gemma3\.context_length"),
        (io.BytesIO(b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60)), "so it is damaged"),
        (file(text("key") + struct.pack("<I", 99)), "type 99"),
        (file(text("key") + struct.pack("<IQ", 8, 2**50)), "so it is damaged"),
        (file(text("key") + struct.pack("<IIQ", 9, 4, 2**50)), "so it is damaged"),
        (file(text("key") + struct.pack("<I", 9) + struct.pack("<IQ", 9, 1) * 5000), "lists in a list"),
    ],
)
def test_what_is_damaged_is_told(stream: io.BytesIO, problem: str) -> None:
    with pytest.raises(gguf.GgufError, match=problem):
        gguf.read(stream, 1)


@given(st.binary(max_size=400))
def test_no_bytes_make_it_fail_in_another_way(content: bytes) -> None:
    whole = b"GGUF" + struct.pack("<I", 3) + content
    with pytest.raises(gguf.GgufError):
        gguf.read(io.BytesIO(whole), len(whole))


@given(st.integers(4, len(TINY) - 1), st.binary(min_size=1, max_size=8))
def test_a_damaged_head_is_facts_or_a_reason(at: int, bytes_: bytes) -> None:
    damaged = TINY[:at] + bytes_ + TINY[at + len(bytes_) :]
    with contextlib.suppress(gguf.GgufError):
        assert gguf.read(io.BytesIO(damaged), len(damaged)).weights == len(damaged)
