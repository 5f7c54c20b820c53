"""Read JSON objects, one a line, from bytes that arrive in any pieces."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast

MAX_LINE_BYTES = 16 * 1024 * 1024


class NdjsonError(ValueError):
    """The bytes are no NDJSON.

    Attributes:
        cut: whether it looks like a stream that ended in the middle of a line.
    """

    def __init__(self, message: str, *, cut: bool) -> None:
        self.cut = cut
        super().__init__(message)


async def json_lines(pieces: AsyncIterator[bytes]) -> AsyncGenerator[dict[str, Any]]:
    r"""Yield the object of each line; blank lines are skipped.

    Only `\n` ends a line. httpx's own line reader also breaks at U+0085 and others, which Go leaves
    unescaped inside strings, so that a model's answer with such a character would break the stream.

    Raises:
        NdjsonError: a line is no JSON object, or is longer than `MAX_LINE_BYTES`.
    """
    rest = bytearray()
    async for piece in pieces:
        start = 0
        while (end := piece.find(b"\n", start)) >= 0:
            rest += piece[start:end]
            start = end + 1
            if rest.strip():
                yield _object(bytes(rest), last=False)
            rest.clear()
        rest += piece[start:]
        if len(rest) > MAX_LINE_BYTES:
            msg = f"a line is longer than {MAX_LINE_BYTES} bytes"
            raise NdjsonError(msg, cut=False)
    if rest.strip():
        yield _object(bytes(rest), last=True)


def _object(line: bytes, *, last: bool) -> dict[str, Any]:
    try:
        value: object = json.loads(line)
    except (ValueError, RecursionError) as error:  # the latter for brackets in brackets, thousands deep
        shown = line[:200].decode(errors="replace")
        msg = f"the stream ended inside a line: {shown}" if last else f"a line is no JSON: {shown}"
        raise NdjsonError(msg, cut=last) from error
    if not isinstance(value, dict):
        msg = f"a line is no JSON object: {line[:200].decode(errors='replace')}"
        raise NdjsonError(msg, cut=False)
    return cast("dict[str, Any]", value)
