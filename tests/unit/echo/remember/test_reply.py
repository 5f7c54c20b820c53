"""Reading an answer as it passes: bytes stay as they are but for our part, however they are cut.

Not shown: which answers Ollama gives; tests/echo/test_memory.py has it.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from echo.remember.reply import Reply

TOLD: dict[str, Any] = {"space": "home", "recalled": []}
WORDS = st.lists(st.text(max_size=12), min_size=1, max_size=6)
CUTS = st.lists(st.integers(0, 400), max_size=8)


def cut(whole: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(whole), *(at % (len(whole) + 1) for at in cuts)})
    return [whole[a:b] for a, b in itertools.pairwise(places)]


def passed(reply: Reply, whole: bytes, cuts: list[int]) -> bytes:
    return b"".join(reply.take(piece) for piece in cut(whole, cuts)) + reply.end()


@given(WORDS, CUTS)
def test_ollamas_stream_gets_our_part_in_its_last_line_alone(words: list[str], cuts: list[int]) -> None:
    lines = [json.dumps({"message": {"content": word}, "done": False}).encode() + b"\n" for word in words]
    whole = b"".join(lines) + b'{"done":true,"eval_count":3}\n'
    reply = Reply("application/x-ndjson", TOLD)
    sent = passed(reply, whole, cuts)
    assert sent.startswith(b"".join(lines))
    assert json.loads(sent[len(b"".join(lines)) :]) == {"done": True, "eval_count": 3, "echo": TOLD}
    assert reply.text == "".join(words)
    assert reply.whole


@given(WORDS, CUTS)
def test_server_sent_events_pass_as_they_are(words: list[str], cuts: list[int]) -> None:
    events = [b"data: " + json.dumps({"choices": [{"delta": {"content": one}}]}).encode() + b"\n\n" for one in words]
    whole = b"".join(events) + b"data: [DONE]\n\n"
    reply = Reply("text/event-stream", TOLD)
    assert passed(reply, whole, cuts) == whole
    assert (reply.text, reply.whole) == ("".join(words), True)


@given(st.text(max_size=30), CUTS, st.sampled_from(["", "\n", "  "]))
def test_an_answer_in_one_piece_grows_by_what_was_promised(text: str, cuts: list[int], end: str) -> None:
    document = {"message": {"content": text}, "done": True}
    whole = (json.dumps(document) + end).encode()
    reply = Reply("application/json; charset=utf-8", TOLD)
    sent = passed(reply, whole, cuts)
    assert json.loads(sent) == {**document, "echo": TOLD}
    assert len(sent) == len(whole) + reply.growth
    assert reply.text == text


@given(st.binary(max_size=60), CUTS)
def test_nonsense_passes_and_keeps_its_promised_length(whole: bytes, cuts: list[int]) -> None:
    for kind in ("application/json", "application/x-ndjson", "text/event-stream", "text/plain"):
        reply = Reply(kind, None)
        assert passed(reply, whole, cuts) == whole
    reply = Reply("application/json", TOLD)
    assert len(passed(reply, whole, cuts)) == len(whole) + reply.growth


def test_a_stream_that_broke_off_is_not_whole() -> None:
    reply = Reply("application/x-ndjson", TOLD)
    reply.take(b'{"response":"half","done":false}\n{"resp')
    assert reply.end() == b'{"resp'
    assert (reply.text, reply.whole) == ("half", False)


def test_the_words_done_in_an_answer_are_no_end() -> None:
    reply = Reply("application/x-ndjson", TOLD)
    line = json.dumps({"response": '"done":true', "done": False}).encode() + b"\n"
    assert reply.take(line) == line
    assert not reply.whole


@given(CUTS)
def test_calls_of_tools_pass_as_the_model_made_them(cuts: list[int]) -> None:
    """In each API's stream; they are no words, so nothing is learned of them."""
    called = {"tool_calls": [{"function": {"name": "look", "arguments": {"where": '{"done": true}'}}}]}
    first = json.dumps({"message": {"role": "assistant", "content": "", **called}, "done": False}).encode() + b"\n"
    reply = Reply("application/x-ndjson", TOLD)
    assert passed(reply, first + b'{"done":true}\n', cuts).startswith(first)
    assert (reply.text, reply.whole) == ("", True)
    events = b"data: " + json.dumps({"choices": [{"delta": {"content": None, **called}}]}).encode() + b"\n\n"
    reply = Reply("text/event-stream", TOLD)
    assert passed(reply, events + b"data: [DONE]\n\n", cuts) == events + b"data: [DONE]\n\n"
    assert reply.text == ""
    whole = json.dumps({"choices": [{"message": {"content": None, **called}}]}).encode()
    reply = Reply("application/json", TOLD)
    assert json.loads(passed(reply, whole, cuts)) == {**json.loads(whole), "echo": TOLD}
