"""The reader of NDJSON.

Proves: pieces may be cut anywhere, any character may stand in a string, and what is no NDJSON is refused.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import ollama.ndjson
from ollama.ndjson import NdjsonError, json_lines

OBJECTS = st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=3), max_size=5)


async def _pieces(data: bytes, cuts: list[int]) -> AsyncIterator[bytes]:
    at = 0
    for cut in [*sorted(min(cut, len(data)) for cut in cuts), len(data)]:
        yield data[at:cut]
        at = cut


async def read(data: bytes, cuts: list[int]) -> list[dict[str, Any]]:
    return [line async for line in json_lines(_pieces(data, cuts))]


def run(data: bytes, cuts: list[int]) -> list[dict[str, Any]]:
    return asyncio.run(read(data, cuts))


@given(OBJECTS, st.lists(st.integers(0, 400), max_size=12), st.booleans())
def test_split_anywhere(objects: list[dict[str, Any]], cuts: list[int], last_newline: bool) -> None:
    data = b"\n".join(json.dumps(value, ensure_ascii=False).encode() for value in objects)
    assert run(data + (b"\n" if last_newline else b""), cuts) == objects


def test_only_a_newline_ends_a_line() -> None:
    text = "a\u0085b\u2028c\x1cd\x0be"
    line = json.dumps({"response": text}, ensure_ascii=False).encode()
    assert run(line + b"\r\n\n  \n" + line, []) == [{"response": text}] * 2


@pytest.mark.parametrize(
    ("data", "cut"),
    [
        (b'{"a": 1}\n{"b"', True),
        (b"<html>\n{}", False),
        (b"[1]\n", False),
        (b'"x"', False),
        (b"\xff\n", False),
        (b'{"a":' * 200_000 + b"\n", False),
    ],
)
def test_refusals(data: bytes, cut: bool) -> None:
    with pytest.raises(NdjsonError) as caught:
        run(data, [])
    assert caught.value.cut is cut


def test_an_endless_line_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ollama.ndjson, "MAX_LINE_BYTES", 100)
    with pytest.raises(NdjsonError, match="longer than 100 bytes"):
        run(b"x" * 300, [50, 120])
