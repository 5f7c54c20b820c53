"""Reads an answer as it passes: what the model said, and the place where the memory's part is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, cast

from pydantic_core import from_json

__all__ = ["Reply"]

_NDJSON = "application/x-ndjson"
_SSE = "text/event-stream"
_JSON = "application/json"
_MOST = 1 << 20
"""Of the text that is kept; what comes after it is passed on and not learned from."""


class Reply:
    """One answer on its way.

    Attributes:
        text: what the model said so far.
        whole: it said that it was done.
    """

    def __init__(self, kind: str, told: Mapping[str, Any] | None) -> None:
        """Begin.

        Args:
            kind: content type.
            told: put as `echo` into an answer in one piece, and into the last line of Ollama's stream.
        """
        self._kind = kind
        self._splice = b"" if told is None else b',"echo":' + json.dumps(told, separators=(",", ":")).encode()
        self._rest = bytearray()
        self._parts: list[str] = []
        self._size = 0
        self.whole = False

    @property
    def text(self) -> str:
        """What the model said so far."""
        return "".join(self._parts)

    @property
    def growth(self) -> int:
        """Bytes by which an answer in one piece grows."""
        return len(self._splice) if self._kind.startswith(_JSON) else 0

    def take(self, piece: bytes) -> bytes:
        """Return what of a piece, and of those before it, is to be sent on now."""
        if self._kind.startswith(_NDJSON):
            return self._lines(piece)
        if self._kind.startswith(_SSE):
            return self._events(piece)
        if self._kind.startswith(_JSON):
            self._rest += piece
            return b""
        return piece

    def end(self) -> bytes:
        """Return what is still to be sent at the answer's end."""
        rest = bytes(self._rest)
        self._rest.clear()
        if self._kind.startswith(_JSON):
            self._read(rest)
            self.whole = self.whole or bool(self._parts)
            return self._spliced(rest)
        return rest if self._kind.startswith(_NDJSON) else b""

    def _lines(self, piece: bytes) -> bytes:
        # A line that is not whole waits for its end: no client can read it before.
        self._rest += piece
        cut = self._rest.rfind(b"\n") + 1
        if not cut:
            return b""
        ready = bytes(self._rest[:cut])
        del self._rest[:cut]
        sent: list[bytes] = []
        for line in ready.splitlines(keepends=True):
            done = self._read(line)
            sent.append(self._spliced(line) if done else line)
        return b"".join(sent)

    def _events(self, piece: bytes) -> bytes:
        self._rest += piece
        *blocks, rest = bytes(self._rest).split(b"\n")
        self._rest[:] = rest
        for line in blocks:
            if line.startswith(b"data:"):
                data = line[5:].strip()
                if data == b"[DONE]":
                    self.whole = True
                elif data:
                    self._read(data)
        return piece

    def _read(self, text: bytes) -> bool:
        """Take the words of a part; return whether it is Ollama's last one."""
        if not text.strip():
            return False
        try:
            found: object = from_json(text)
        except ValueError:
            return False
        if not isinstance(found, dict):
            return False
        fields = cast("dict[str, Any]", found)
        words = _words(fields)
        if words and self._size < _MOST:
            self._parts.append(words)
            self._size += len(words)
        done = fields.get("done") is True
        self.whole = self.whole or done
        return done

    def _spliced(self, text: bytes) -> bytes:
        end = text.rstrip()
        if not self._splice:
            return text
        if not end.endswith(b"}") or len(end) < len(b'{"":0}'):
            # Its length was promised; blanks after JSON mean nothing.
            return text + b" " * self.growth
        return end[:-1] + self._splice + b"}" + text[len(end) :]


def _words(fields: Mapping[str, Any]) -> str:
    """The model's words in a part of an answer, in any of the forms."""
    if isinstance(text := fields.get("response"), str):
        return text
    if isinstance(message := fields.get("message"), dict):
        return _string(cast("Mapping[str, object]", message).get("content"))
    choices = fields.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        choice = cast("Mapping[str, object]", choices[0])
        if isinstance(text := choice.get("text"), str):
            return text
        for name in ("delta", "message"):
            inner = choice.get(name)
            if isinstance(inner, dict):
                return _string(cast("Mapping[str, object]", inner).get("content"))
    return ""


def _string(value: object) -> str:
    return value if isinstance(value, str) else ""
