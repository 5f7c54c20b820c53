"""Which replica gets a request.

Ollama keeps what it computed for the beginning of a prompt, so a conversation is faster where its last turn was. The
replica with the highest hash of conversation and replica is that place: every replica of the service finds the same
one without talking to the others, and one that comes or goes moves only its own share. It is taken while it has a free
slot; else the least busy one is, since waiting costs more than computing the beginning again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

from echo.engine.fleet import Replica

__all__ = ["choose", "prefix_of"]

_SYSTEM = 4096
_BEGIN = 1024
"""Characters of a system prompt, and of what follows it, by which a conversation is known."""


def choose(candidates: Sequence[Replica], model: str, prefix: bytes | None, ahead: int) -> Replica | None:
    """Return the replica for a request; None when none has room.

    Args:
        candidates: those that can be asked for the model.
        model: its key.
        prefix: what the request shares with others of its conversation; None where nothing is gained by it.
        ahead: how many requests each may have beyond its slots.
    """
    if prefix is not None and candidates:
        preferred = max(candidates, key=lambda one: (_weight(prefix, one), one.base))
        if preferred.running.get(model, 0) < preferred.slots and preferred.load < preferred.slots:
            return preferred
    free = [one for one in candidates if one.running.get(model, 0) < one.slots + ahead]
    if not free:
        return None
    return min(free, key=lambda one: (one.load / one.slots, _order(prefix, one), one.base))


def prefix_of(body: Mapping[str, Any]) -> bytes | None:
    """Return a hash of how a request's conversation begins; None where it has none, such as an embedding."""
    parts = [_text(body.get(key), _SYSTEM) for key in ("system", "instructions")]
    messages = body.get("messages")
    if isinstance(messages, list):
        parts += _beginning(cast("list[object]", messages))
    else:
        parts.append(_text(body.get("prompt"), _BEGIN))
    if not any(parts):
        return None
    return hashlib.blake2b("\0".join(parts).encode(errors="replace"), digest_size=16).digest()


def _beginning(messages: Sequence[object]) -> list[str]:
    """The system prompts, and the first message after them: later turns have them too."""
    found: list[str] = []
    for message in messages:
        if not isinstance(message, dict):
            break
        fields = cast("Mapping[str, object]", message)
        system = fields.get("role") in {"system", "developer"}
        found.append(_text(fields.get("content"), _SYSTEM if system else _BEGIN))
        if not system:
            break
    return found


def _text(value: object, most: int) -> str:
    if isinstance(value, str):
        return value[:most]
    if isinstance(value, list):
        # The parts of a message: text, and pictures, whose data stands far in.
        texts = [
            found
            for part in cast("list[object]", value)
            if isinstance(part, dict) and isinstance(found := cast("Mapping[str, object]", part).get("text"), str)
        ]
        return "\n".join(texts)[:most]
    return ""


def _weight(prefix: bytes, replica: Replica) -> bytes:
    return hashlib.blake2b(prefix + replica.base.encode(), digest_size=8).digest()


def _order(prefix: bytes | None, replica: Replica) -> int:
    """Among equally busy ones, the conversation's own comes first."""
    return 0 if prefix is None else -int.from_bytes(_weight(prefix, replica), "big")
