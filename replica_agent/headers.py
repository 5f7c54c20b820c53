"""Headers of a message that is handed on: which are about the message, and which about one connection."""

from __future__ import annotations

from collections.abc import Iterable

from starlette.types import Scope

__all__ = ["Headers", "declared_length", "end_to_end", "has_body"]

Headers = list[tuple[bytes, bytes]]

# RFC 9110 7.6.1: about one connection, not about the message. `host` is replaced, since Ollama on loopback refuses
# other hosts; `expect` is answered by this server.
_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"proxy-authorization", b"proxy-authenticate", b"te"}
    | {b"trailer", b"transfer-encoding", b"upgrade", b"host", b"expect"}
)


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """Return the headers that are about the message, those left out that `Connection` names."""
    kept = [(name, value) for name, value in headers]
    named = {
        token.strip().lower() for name, value in kept if name.lower() == b"connection" for token in value.split(b",")
    }
    return [(name, value) for name, value in kept if (lower := name.lower()) not in _HOP and lower not in named]


def declared_length(scope: Scope) -> int:
    """Return the body's declared length, -1 where there is none."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value)
    return -1


def has_body(scope: Scope) -> bool:
    """Return whether a request brings a body."""
    length = declared_length(scope)
    return length > 0 or (length < 0 and any(name == b"transfer-encoding" for name, _ in scope["headers"]))
