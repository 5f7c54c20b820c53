"""Notes go before the user's last words, in every form of a request, and nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.mind import Message
from echo.remember.talk import said, with_notes, without_option

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=6), JSON)
def test_only_our_option_is_taken_out(fields: dict[str, Any], option: object) -> None:
    plain = {key: value for key, value in fields.items() if key != "echo"}
    assert json.loads(without_option({**fields, "echo": option})) == plain


@given(st.lists(JSON, max_size=4), st.text(max_size=20))
def test_notes_change_the_last_words_of_the_user_alone(before: list[Any], words: str) -> None:
    last = {"role": "user", "content": words, "images": ["x"]}
    after = {"role": "tool", "content": "42"}
    fields: dict[str, Any] = {"model": "m", "messages": [*before, last, after], "echo": {}}
    body = with_notes("/api/chat", fields, "NOTES")
    assert body is not None
    assert json.loads(body) == {
        "model": "m",
        "messages": [*before, {**last, "content": f"NOTES\n\n{words}"}, after],
    }


@given(JSON, st.sampled_from(["/api/chat", "/v1/chat/completions", "/api/generate", "/v1/completions"]))
def test_no_body_breaks_it(value: object, route: str) -> None:
    for fields in ({"messages": value}, {"prompt": value}, {"messages": [value]}, {"messages": [{"content": value}]}):
        said(route, fields)
        with_notes(route, fields, "NOTES")


@pytest.mark.parametrize("more", [{"raw": True}, {"suffix": "}"}, {"prompt": ""}, {"prompt": ["a", "b"]}])
def test_a_prompt_that_words_would_break_gets_none(more: dict[str, Any]) -> None:
    assert with_notes("/api/generate", {"prompt": "def f(", **more}, "NOTES") is None


def test_texts_of_parts_are_what_was_said() -> None:
    parts: list[Any] = [
        {"type": "text", "text": "what is"},
        {"type": "image_url", "image_url": {}},
        {"type": "text", "text": "it?"},
    ]
    fields: dict[str, Any] = {
        "messages": [{"role": "system", "content": "s"}, {"role": "user", "content": parts}, 7, {"role": 1}]
    }
    assert said("/v1/chat/completions", fields) == [
        Message(role="system", content="s"),
        Message(role="user", content="what is\nit?"),
    ]
