"""Figures read from passing bodies: wherever the pieces are split, and never from inside a text.

The bodies are written here in Ollama's form; tests/replica_agent reads those of a real server.
"""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replica_agent.meter import Meter, Reading, model_of

LAST = {
    "model": "tiny:1", "created_at": "2025-11-22T16:00:00Z", "response": "", "done": True, "context": [1, 2],
    "total_duration": 9, "load_duration": 5, "prompt_eval_count": 3, "prompt_eval_duration": 1, "eval_count": 20,
    "eval_duration": 400,
}  # fmt: skip
PIECES = [json.dumps({"model": "tiny:1", "response": f"w{at}", "done": False}) for at in range(9)]
NDJSON = "\n".join([*PIECES, json.dumps(LAST), ""]).encode()


def metered(body: bytes, cuts: list[int]) -> Meter:
    meter = Meter()
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        meter.take(body[start:end])
    return meter


@given(st.lists(st.integers(0, 10_000), max_size=30))
def test_ollamas_figures_however_it_is_split(cuts: list[int]) -> None:
    meter = metered(NDJSON, cuts)
    assert meter.read() == Reading(prompt_tokens=3, generated_tokens=20, eval_ns=400, prompt_ns=1, load_ns=5)
    assert meter.model == "tiny:1"
    assert meter.size == len(NDJSON)


@given(st.lists(st.integers(0, 10_000_000), max_size=30))
def test_a_long_answer_costs_no_more_memory(cuts: list[int]) -> None:
    body = NDJSON[:60] + b" " * 300_000 + NDJSON
    meter = metered(body, [*cuts, *range(0, 300_000, 1000)])
    assert meter.read().generated_tokens == 20
    assert meter.kept <= 5 * 4096


def test_openais_usage() -> None:
    usage = {"prompt_tokens": 4, "completion_tokens": 6, "total_tokens": 10}
    body = b'data: {"id":"c","object":"o","model":"a:1","choices":[]}\n\ndata: ' + json.dumps({"usage": usage}).encode()
    meter = metered(body + b"\n\ndata: [DONE]\n\n", [])
    assert meter.read() == Reading(prompt_tokens=4, generated_tokens=6)
    assert meter.model == "a:1"


def test_anthropics_usage() -> None:
    body = b'event: message_delta\ndata: {"type":"message_delta","usage":{"input_tokens":2,"output_tokens":5}}\n\n'
    assert metered(body, []).read() == Reading(prompt_tokens=2, generated_tokens=5)


@given(st.text())
def test_nothing_is_read_from_inside_a_text(text: str) -> None:
    said = text + '"eval_count":7,"model":"evil:1",\n{"error":"x"}'
    body = json.dumps({"message": {"content": said}}).encode()
    assert metered(body, []).read() == Reading()
    assert model_of(body) is None


@pytest.mark.parametrize("line", [b'{"error":"x"}\n', b'data: {"error":{"message":"x"}}\n\n', b'\n{ "error" : 1}'])
def test_an_error_after_the_status(line: bytes) -> None:
    assert metered(NDJSON[:100] + b"\n" + line, []).read().failed
    assert not metered(NDJSON, []).read().failed


def test_an_empty_body() -> None:
    meter = Meter()
    assert meter.read() == Reading()
    assert meter.model is None
