"""New pieces of YAML text, written as a person would: blocks for lists of maps, one line for what is short."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import yaml

SHORT = 60
"""A map of plain values that is no longer stays on one line, as `{cpu: 250m, memory: 1Gi}`."""

_STEP = 2
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./:@+-]*")
# YAML 1.2, which Pulumi's engine reads, takes these for numbers where the older YAML of the parser here has texts.
_NUMBER = re.compile(r"[0-9._]+([eE][-+]?[0-9]+)?|0[xob][0-9a-fA-F_]+|[0-9]+(:[0-9]+)+")


def inline(value: Any) -> str:  # noqa: ANN401
    """A value on one line."""
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return "{" + ", ".join(f"{inline(key)}: {inline(one)}" for key, one in items) + "}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(inline(one) for one in cast("Sequence[Any]", value)) + "]"
    if isinstance(value, str):
        return value if _is_plain(value) else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def block_entry(key: str, value: Any, column: int) -> str:  # noqa: ANN401
    """The lines of one entry of a map that begins at `column`, each with its line break."""
    head = f"{' ' * column}{inline(key)}:"
    if _fits_a_line(value):
        return f"{head} {inline(value)}\n"
    if isinstance(value, Mapping):
        entries = cast("Mapping[str, Any]", value).items()
        return f"{head}\n" + "".join(block_entry(name, one, column + _STEP) for name, one in entries)
    return f"{head}\n" + "".join(block_item(one, column + _STEP) for one in cast("Sequence[Any]", value))


def block_item(value: Any, column: int) -> str:  # noqa: ANN401
    """The lines of one item of a list whose hyphens stand at `column`."""
    if not isinstance(value, Mapping) or not value:
        return f"{' ' * column}- {inline(value)}\n"
    entries = cast("Mapping[str, Any]", value).items()
    lines = "".join(block_entry(key, one, column + _STEP) for key, one in entries)
    return f"{' ' * column}- {lines[column + _STEP :]}"


def _fits_a_line(value: Any) -> bool:  # noqa: ANN401
    if isinstance(value, Mapping):
        found = cast("Mapping[str, Any]", value)
        # A colon inside a key is hard to tell from the one behind it.
        plain = not any(_holds(one) or ":" in key for key, one in found.items())
        return plain and len(inline(found)) <= SHORT
    if isinstance(value, Sequence) and not isinstance(value, str):
        return not any(_holds(one) for one in cast("Sequence[Any]", value))
    return True


def _holds(value: Any) -> bool:  # noqa: ANN401
    return isinstance(value, Mapping | Sequence) and not isinstance(value, str) and bool(cast("Sequence[Any]", value))


def _is_plain(text: str) -> bool:
    if not _PLAIN.fullmatch(text) or text.endswith(":") or _NUMBER.fullmatch(text):
        return False
    return yaml.safe_load(text) == text
