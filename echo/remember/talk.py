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

__all__ = ["CHAT", "PROMPT", "ROUTES", "said", "with_notes", "without_option"]

CHAT = frozenset({"/api/chat", "/v1/chat/completions"})
PROMPT = frozenset({"/api/generate", "/v1/completions"})
ROUTES = CHAT | PROMPT
"""Where a memory takes part."""

OPTION = "echo"


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
