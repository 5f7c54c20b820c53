"""Notes go before the user's last words, in every form of a request, and nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echo.mind import Message
from echo.remember.talk import (
    answered,
    context_of,
    fitting_history,
    said,
    with_history,
    with_notes,
    without_option,
)

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


TURNS = st.lists(
    st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.text(max_size=60)), max_size=12
)


@given(TURNS, st.integers(1, 300), st.integers(0, 400), st.integers(0, 300), st.text(max_size=100))
def test_history_is_bounded_by_the_context_and_begins_with_the_user(
    turns: list[Message], context: int, characters: int, notes: int, words: str
) -> None:
    fields: dict[str, Any] = {"messages": [{"role": "user", "content": words}]}
    put = fitting_history(turns, fields, context=context, characters=characters, notes=notes)
    assert put == turns[len(turns) - len(put) :]
    assert not put or put[0].role == "user"
    assert sum(len(one.content) for one in put) <= characters
    size = sum(len(one.content.encode("utf-8", "replace")) / 3 for one in put)
    assert size + len(words.encode("utf-8", "replace")) / 3 <= context * 0.75 or not put
    # More room never puts back less.
    more = fitting_history(turns, fields, context=context * 2, characters=characters, notes=notes)
    assert len(more) >= len(put)


@given(st.lists(JSON, max_size=3))
def test_history_stands_between_the_system_and_the_rest(rest: list[Any]) -> None:
    system = [{"role": "system", "content": "a"}, {"role": "developer", "content": "b"}]
    put = with_history(
        {"model": "m", "messages": [*system, *rest]},
        [Message(role="user", content="q"), Message(role="assistant", content="r")],
    )
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "r"}]
    assert put == {"model": "m", "messages": [*system, *turns, *rest]}


def test_whoever_brings_answers_keeps_the_conversation_itself() -> None:
    user, answer = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    assert answered({"messages": [user, answer, user]})
    assert not answered({"messages": [{"role": "system", "content": "s"}, user]})
    assert not answered({"messages": "none"})
    assert not answered({"prompt": "a"})


@pytest.mark.parametrize(
    ("options", "found"),
    [({"num_ctx": 8192}, 8192), ({"num_ctx": True}, 10), ({"num_ctx": -1}, 10), ({}, 10), ([], 10)],
)
def test_what_a_request_says_of_its_context_counts_before_the_servers(options: object, found: int) -> None:
    assert context_of({"options": options}, 10) == found
    assert context_of({}, 10) == 10
