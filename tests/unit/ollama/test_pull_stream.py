"""A whole pull over every stream that a server, or what stands before it, may send.

Proves, over generated streams cut into pieces anywhere, inside a character too: the pull succeeds exactly when the line
`success` came before any error and any garbage; otherwise it ends in an error of the right kind, and never hangs or
raises anything else; progress that falls is passed on as it is; memory for a line is bounded. The faults of a real
network are in tests/ollama.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ollama.ndjson
from ollama import (
    ConfigurationError,
    OllamaClient,
    OllamaError,
    PullEvent,
    PullPolicy,
    ResourceError,
    SystemFault,
    TransientError,
)
from ollama.pull import pull

ONCE = PullPolicy(attempts=1, backoff_base_s=0, backoff_max_s=0)

ERRORS: dict[str, type[OllamaError]] = {
    "write /x: no space left on device": ResourceError,
    "pull model manifest: file does not exist": ConfigurationError,
    "max retries exceeded: EOF": TransientError,
    "größter \u0085 Unsinn\u2028 \U0001f4a5": SystemFault,
}
Line = dict[str, Any]


def progress(digest: str, total: int, completed: int) -> Line:
    return {"status": "pulling", "digest": digest, "total": total, "completed": completed}


def other(status: str) -> Line:
    return {"status": status, "novel": [status]}


def error(text: str) -> Line:
    return {"error": text}


STATUS = st.sampled_from(
    ["pulling manifest", "verifying sha256 digest", "writing manifest", "größer \U0001f4a5 \u0085"]
)
BYTES = st.integers(0, 10**13)
LINE = st.builds(progress, st.sampled_from(["aa", "bb"]), BYTES, BYTES) | st.builds(other, STATUS)
SUCCESS: Line = {"status": "success"}
END = st.none() | st.just(SUCCESS) | st.builds(error, st.sampled_from([*ERRORS]))
BLANK = st.sampled_from([b"", b"\n", b" \n\r\n", b"\t\n"])


class Stream(httpx.AsyncByteStream):
    """A body in given pieces."""

    def __init__(self, data: bytes, cuts: list[int]) -> None:
        self._data = data
        self._cuts = sorted({min(cut, len(data)) for cut in cuts})

    async def __aiter__(self) -> AsyncIterator[bytes]:
        at = 0
        for cut in [*self._cuts, len(self._data)]:
            yield self._data[at:cut]
            at = cut


def run(data: bytes, cuts: list[int]) -> list[PullEvent]:
    """Pull once; return the events, or raise what the pull raises."""
    events: list[PullEvent] = []

    async def go() -> None:
        def answer(_: httpx.Request) -> httpx.Response:
            return httpx.Response(200, stream=Stream(data, cuts))

        async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://x") as http:
            client = OllamaClient(http, "chat-0")
            await pull(client, "m:t", insecure=False, model="m:t", policy=ONCE, on_event=events.append)

    asyncio.run(go())
    return events


def encode(lines: list[Line], blanks: list[bytes]) -> bytes:
    filled = [*blanks, *[b""] * len(lines)]
    texts = [json.dumps(line, ensure_ascii=False).encode() + b"\n" for line in lines]
    return b"".join(blank + text for blank, text in zip(filled, texts, strict=False))


@given(st.lists(LINE, max_size=8), END, st.lists(BLANK, max_size=8), st.lists(st.integers(0, 1500), max_size=20))
def test_success_or_the_right_error(lines: list[Line], end: Line | None, blanks: list[bytes], cuts: list[int]) -> None:
    # What follows the end is never looked at.
    data = encode([*lines, *([end] if end is not None else [])], blanks) + (b"{garbage" if end is not None else b"")
    if end == SUCCESS:
        events = run(data, cuts)
        assert [event.phase for event in events].count("retrying") == 0
        sums: dict[str, tuple[int, int]] = {}
        expected: list[tuple[int, int]] = []
        for line in lines:
            if "digest" in line:
                sums[line["digest"]] = (line["completed"], line["total"])
                expected.append((sum(one for one, _ in sums.values()), sum(all_ for _, all_ in sums.values())))
        told = [(event.completed, event.total) for event in events]
        assert [pair for pair in told if pair in expected] != [] or not expected
        assert all(pair in [(0, 0), *expected] for pair in told), "falls included, nothing is made up"
        return
    kind = TransientError if end is None else ERRORS[end["error"]]
    with pytest.raises(kind) as caught:
        run(data, cuts)
    assert type(caught.value) is kind
    if end is None:
        assert "ended without `success`" in caught.value.message
    else:
        assert end["error"].split()[0] in caught.value.message


@given(st.lists(LINE, min_size=1, max_size=5), st.lists(st.integers(0, 900), max_size=10), st.data())
def test_cut_anywhere_is_transient(lines: list[Line], cuts: list[int], data: st.DataObject) -> None:
    whole = encode([*lines, SUCCESS], [])
    # The last newline is not needed: the object before it is whole.
    at = data.draw(st.integers(0, len(whole) - 2))
    with pytest.raises(TransientError):
        run(whole[:at], cuts)


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_no_bytes_at_all_break_it(data: bytes, cuts: list[int]) -> None:
    with pytest.raises((TransientError, SystemFault)):
        run(data, cuts)


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3)),
       st.sampled_from(["status", "digest", "total", "completed", "error"]))  # fmt: skip
def test_fields_of_any_type_are_an_error_of_ours_or_nothing(value: object, field: str) -> None:
    data = json.dumps({"status": "pulling", field: value}).encode() + b'\n{"status":"success"}\n'
    try:
        run(data, [3])
    except OllamaError as failure:
        said = (failure.replica, failure.model)
    else:
        said = ("chat-0", "m:t")
    assert said == ("chat-0", "m:t")


@pytest.mark.parametrize("piece", [1, 7, 4096])
def test_a_line_without_an_end_is_given_up_at_the_limit(monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(ollama.ndjson, "MAX_LINE_BYTES", 10_000)
    taken = 0

    class Endless(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            nonlocal taken
            while True:
                taken += piece
                yield b"x" * piece

    async def go() -> None:
        transport = httpx.MockTransport(lambda _: httpx.Response(200, stream=Endless()))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
            await pull(OllamaClient(http, "r"), "m:t", insecure=False, model="m", policy=ONCE, on_event=lambda _: None)

    with pytest.raises(SystemFault, match="longer than 10000 bytes"):
        asyncio.run(go())
    assert taken <= 10_000 + 4096
