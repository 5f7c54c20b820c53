"""Bodies of the inference APIs: what was said in them, and how notes of the memory are put into them.

Notes go in front of the user's last words, in the user's turn. As a system message they would have the weight of the
operator's words, which what somebody once said must not have; and a first system message takes the place of the
model's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

from echo.mind import Message

__all__ = [
    "CHAT",
    "PROMPT",
    "ROUTES",
    "answered",
    "context_of",
    "fitting_history",
    "said",
    "with_history",
    "with_notes",
    "without_option",
]

CHAT = frozenset({"/api/chat", "/v1/chat/completions"})
PROMPT = frozenset({"/api/generate", "/v1/completions"})
ROUTES = CHAT | PROMPT
"""Where a memory takes part."""

OPTION = "echo"

_SYSTEM = frozenset({"system", "developer"})
_BYTES_A_TOKEN = 3
"""Above what tokenizers make of English, so that what is reckoned to fit does."""
_ANSWER = 0.25
"""Share of a model's context that is left for its answer ..."""
_NOTES = 0.25
"""... and at most for notes."""


def said(route: str, fields: Mapping[str, Any]) -> list[Message]:
    """Return the texts of a conversation; what is no text is left out."""
    if route in PROMPT:
        prompt = fields.get("prompt")
        return [Message(role="user", content=prompt)] if isinstance(prompt, str) else []
    messages = fields.get("messages")
    if not isinstance(messages, list):
        return []
    found: list[Message] = []
    for one in cast("list[object]", messages):
        if isinstance(one, dict):
            message = cast("Mapping[str, object]", one)
            role, text = message.get("role"), _text(message.get("content"))
            if isinstance(role, str) and text:
                found.append(Message(role=role, content=text))
    return found


def answered(fields: Mapping[str, Any]) -> bool:
    """Whether a chat brings answers along: then its client keeps the conversation itself."""
    return any(one.role == "assistant" for one in _roles(fields))


def context_of(fields: Mapping[str, Any], least: int) -> int:
    """Return how many tokens a request and its answer may have: what it says itself, else what its servers have."""
    options = fields.get("options")
    said = cast("Mapping[str, object]", options).get("num_ctx") if isinstance(options, dict) else None
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else least


def fitting_history(
    turns: Sequence[Message], fields: Mapping[str, Any], *, context: int, characters: int, notes: int
) -> list[Message]:
    """Return the last turns that fit beside a request; they begin with words of the user.

    Args:
        turns: of the conversation, oldest first.
        fields: of the request.
        context: tokens that the model takes, its answer among them.
        characters: most of all turns together.
        notes: characters that notes of the memory may have.
    """
    own = sum(_tokens(one.content) for one in said("/api/chat", fields))
    room = context * (1 - _ANSWER) - min(context * _NOTES, _tokens(" " * notes)) - own
    kept: list[Message] = []
    for one in reversed(turns):
        characters -= len(one.content)
        room -= _tokens(one.content)
        if characters < 0 or room < 0:
            break
        kept.append(one)
    while kept and kept[-1].role != "user":
        kept.pop()
    return kept[::-1]


def with_history(fields: Mapping[str, Any], turns: Sequence[Message]) -> dict[str, Any]:
    """Return a chat with turns of before, after its system messages and before everything else."""
    given = cast("list[Any]", fields["messages"])
    first = next((i for i, one in enumerate(_roles(fields)) if one.role not in _SYSTEM), len(given))
    put = [{"role": one.role, "content": one.content} for one in turns]
    return {**fields, "messages": [*given[:first], *put, *given[first:]]}


def without_option(fields: Mapping[str, Any]) -> bytes:
    """Return a body without what is ours."""
    return _dump({key: value for key, value in fields.items() if key != OPTION})


def with_notes(route: str, fields: Mapping[str, Any], notes: str) -> bytes | None:
    """Return a body with notes before the user's last words; None where there is no place for them."""
    plain = {key: value for key, value in fields.items() if key != OPTION}
    if route in PROMPT:
        prompt = plain.get("prompt")
        # A raw prompt has the model's own marks, and a suffix is filled in between: both break by words before them.
        if not isinstance(prompt, str) or not prompt or plain.get("raw") or plain.get("suffix"):
            return None
        return _dump({**plain, "prompt": f"{notes}\n\n{prompt}"})
    messages = plain.get("messages")
    if not isinstance(messages, list):
        return None
    given = cast("list[Any]", messages)
    for i in range(len(given) - 1, -1, -1):
        one = given[i]
        if isinstance(one, dict) and cast("Mapping[str, object]", one).get("role") == "user":
            content = _before(cast("Mapping[str, object]", one).get("content"), notes)
            if content is None:
                return None
            return _dump({**plain, "messages": [*given[:i], {**one, "content": content}, *given[i + 1 :]]})
    return None


def _roles(fields: Mapping[str, Any]) -> list[Message]:
    """One for each message, without its text; a role that is none is empty."""
    messages = fields.get("messages")
    given = cast("list[object]", messages) if isinstance(messages, list) else []
    roles = [cast("Mapping[str, object]", one).get("role") if isinstance(one, dict) else None for one in given]
    return [Message(role=one if isinstance(one, str) else "", content="") for one in roles]


def _tokens(text: str) -> int:
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN)


def _before(content: object, notes: str) -> object:
    if isinstance(content, str):
        return f"{notes}\n\n{content}"
    if isinstance(content, list):
        return [{"type": "text", "text": notes}, *cast("Sequence[object]", content)]
    return None


def _text(content: object) -> str:
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        parts = [
            text
            for part in cast("list[object]", content)
            if isinstance(part, dict) and isinstance(text := cast("Mapping[str, object]", part).get("text"), str)
        ]
        return "\n".join(parts)
    return ""


def _dump(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
