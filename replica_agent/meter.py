"""Read what a body says of itself while it passes: model, tokens, times, an error in the middle. Nothing is changed.

Only the first and the last bytes are kept, so that an answer of any length costs the same memory, and only patterns
are looked for, so that no answer is parsed. A name inside a text that a model wrote has escaped quotes and is no match.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

__all__ = ["Meter", "Reading", "model_of"]

# Ollama's last line ends with its figures; of an OpenAI answer `usage` comes last, but for a `[DONE]`.
_TAIL = 4096
_HEAD = 512
_MODEL = re.compile(rb'(?<!\\)"model"\s*:\s*"([^"\\]{1,600})"')
_FIGURE = re.compile(
    rb'(?<!\\)"(prompt_eval_count|eval_count|prompt_eval_duration|eval_duration|load_duration'
    rb'|prompt_tokens|completion_tokens|input_tokens|output_tokens)"\s*:\s*(\d{1,18})'
)
_ERROR = re.compile(rb'(?:^|\n)(?:data:\s*)?\{\s*"error"\s*:')
_NAMES = {
    b"prompt_eval_count": "prompt_tokens",
    b"prompt_tokens": "prompt_tokens",
    b"input_tokens": "prompt_tokens",
    b"eval_count": "generated_tokens",
    b"completion_tokens": "generated_tokens",
    b"output_tokens": "generated_tokens",
    b"eval_duration": "eval_ns",
    b"prompt_eval_duration": "prompt_ns",
    b"load_duration": "load_ns",
}


def model_of(body: bytes) -> str | None:
    """Return the model that a part of a request or an answer names."""
    match = _MODEL.search(body)
    return match[1].decode(errors="replace") if match is not None else None


@dataclass(frozen=True)
class Reading:
    """What was read; None where the answer does not say it.

    Attributes:
        prompt_tokens: tokens of the prompt that were evaluated.
        generated_tokens: tokens of the answer.
        eval_ns: nanoseconds that generating them took.
        prompt_ns: nanoseconds that reading the prompt took.
        load_ns: nanoseconds that loading the model took; near zero when it was in memory.
        failed: the answer ends with an error, after its status was sent.
    """

    prompt_tokens: int | None = None
    generated_tokens: int | None = None
    eval_ns: int | None = None
    prompt_ns: int | None = None
    load_ns: int | None = None
    failed: bool = False


@dataclass
class Meter:
    """One body, of a request or of an answer.

    Attributes:
        pieces: how many there were.
        size: bytes so far.
    """

    pieces: int = 0
    size: int = 0
    _head: bytes = b""
    _tail: bytearray = field(default_factory=bytearray)

    def take(self, piece: bytes) -> None:
        """Take in the next piece."""
        self.pieces += 1
        self.size += len(piece)
        if len(self._head) < _HEAD:
            self._head += piece[: _HEAD - len(self._head)]
        self._tail += piece
        # Cut rarely, so that a piece costs the copy of itself.
        if len(self._tail) > 4 * _TAIL:
            del self._tail[:-_TAIL]

    @property
    def kept(self) -> int:
        """Bytes that are kept of it."""
        return len(self._head) + len(self._tail)

    @property
    def model(self) -> str | None:
        """The model that is named near the beginning or near the end."""
        return model_of(self._head) or model_of(bytes(self._tail))

    def read(self) -> Reading:
        """Return what the end says."""
        tail = bytes(self._tail[-_TAIL:])
        figures = {_NAMES[match[1]]: int(match[2]) for match in _FIGURE.finditer(tail)}
        return Reading(
            prompt_tokens=figures.get("prompt_tokens"),
            generated_tokens=figures.get("generated_tokens"),
            eval_ns=figures.get("eval_ns"),
            prompt_ns=figures.get("prompt_ns"),
            load_ns=figures.get("load_ns"),
            failed=_ERROR.search(tail) is not None,
        )
