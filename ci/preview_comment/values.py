"""What differs between two sets of properties, field by field, with secrets already taken out."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from ci.preview_comment.secrets import MASK, SIGNATURE, is_marked, is_secret_name, mask_text

INSIDE = "#"
"""Stands in a path between a field of text and the fields of the JSON in it, as in a URL."""
UNKNOWN = "(known after the deploy)"

# sdk/go/common/resource/plugin/rpc.go: what stands for a value that a preview cannot know.
_UNKNOWNS = frozenset(
    {
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_INTERNAL = frozenset({"__provider", "__defaults", "__internal"})
_DATA = frozenset({"data", "stringData", "binaryData"})
_LARGEST_BITS = 1024
"""Beyond Python's limit of digits an integer cannot be written at all."""
_DEPTH = 40
"""Beyond it a value is compared whole: Kubernetes objects are less than half as deep."""


class Kind(Enum):
    """How a field differs."""

    ADDED = "+"
    REMOVED = "-"
    CHANGED = "~"


@dataclass(frozen=True)
class Hidden:
    """A secret. Two are equal where the engine or the values themselves say so, and both are shown as the mask."""

    content: object = None

    def __str__(self) -> str:
        return MASK


@dataclass(frozen=True)
class FieldChange:
    """One field that differs; `before` and `after` are ready to be read, and hold no secret.

    Attributes:
        path: such as ``spec.template.spec.containers[ollama].image``.
        kind: added, removed or changed.
        before: None for one that is added.
        after: None for one that is removed.
        replaces: whether this field forces the replacement.
    """

    path: str
    kind: Kind
    before: str | None
    after: str | None
    replaces: bool = False


def differences(before: Mapping[str, Any], after: Mapping[str, Any], *, secret_data: bool = False) -> list[FieldChange]:
    """Every leaf that differs, in the order of the paths.

    Args:
        before: inputs in the state.
        after: inputs of the program.
        secret_data: the object is a Kubernetes Secret, whose `data` and `stringData` are never shown.
    """
    old, new = leaves(before, secret_data=secret_data), leaves(after, secret_data=secret_data)
    return [_change(path, old, new) for path in sorted({*old, *new}) if not _same(path, old, new)]


def leaves(properties: Mapping[str, Any], *, secret_data: bool = False) -> dict[str, object]:
    """Path to value, for everything that is not a non-empty object or list; secrets as `Hidden`."""
    found: dict[str, object] = {}
    for key, value in properties.items():
        if key not in _INTERNAL:
            hide = is_secret_name(key) or (secret_data and key in _DATA)
            found.update(_leaves(_step("", key), value, hide=hide, depth=0))
    return found


def text_of(value: object) -> str:
    """A leaf as it is written in the comment."""
    if isinstance(value, Hidden):
        return MASK
    if isinstance(value, str):
        return UNKNOWN if value in _UNKNOWNS else mask_text(value)
    if isinstance(value, float):
        # Every number comes as a float from some providers.
        return str(int(value)) if math.isfinite(value) and value.is_integer() else str(value)
    if isinstance(value, int) and value.bit_length() > _LARGEST_BITS:
        return "(a very large number)"
    return mask_text(json.dumps(value, ensure_ascii=False, default=str))


def _same(path: str, old: Mapping[str, object], new: Mapping[str, object]) -> bool:
    if (path in old) != (path in new):
        return False
    one, other = old[path], new[path]
    if isinstance(one, Hidden) and isinstance(other, Hidden):
        return one.content == other.content
    return (type(one) is type(other) and one == other) or (_number(one) and _number(other) and one == other)


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _change(path: str, old: Mapping[str, object], new: Mapping[str, object]) -> FieldChange:
    if path not in old:
        return FieldChange(path, Kind.ADDED, None, text_of(new[path]))
    if path not in new:
        return FieldChange(path, Kind.REMOVED, text_of(old[path]), None)
    return FieldChange(path, Kind.CHANGED, text_of(old[path]), text_of(new[path]))


def _leaves(path: str, value: object, *, hide: bool, depth: int) -> Iterator[tuple[str, object]]:
    if is_marked(value):
        yield path, Hidden(None)
    elif depth > _DEPTH or not value:
        yield path, (Hidden(value) if hide and isinstance(value, str) and value else value)
    elif isinstance(value, Mapping):
        mapping = cast("Mapping[str, object]", value)
        if SIGNATURE in mapping:
            yield path, "(an asset or another special value)"
            return
        # {name: DB_PASSWORD, value: …}: an environment variable, whose name is a value.
        named = is_secret_name(str(mapping.get("name", ""))) and "value" in mapping
        for key, inner in mapping.items():
            hidden = hide or is_secret_name(str(key)) or (named and key == "value")
            yield from _leaves(_step(path, str(key)), inner, hide=hidden, depth=depth + 1)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        yield from _items(path, cast("Sequence[object]", value), hide=hide, depth=depth)
    elif isinstance(value, str) and (document := _document(value)) is not None:
        yield from _leaves(f"{path}{INSIDE}", document, hide=hide, depth=depth + 1)
    else:
        yield path, (Hidden(value) if hide and not isinstance(value, bool) else value)


def _items(path: str, items: Sequence[object], *, hide: bool, depth: int) -> Iterator[tuple[str, object]]:
    for label, inner in zip(_labels(items), items, strict=True):
        here = f"{path}[{label}]"
        for place, leaf in _leaves(here, inner, hide=hide, depth=depth + 1):
            # The name is in the path already.
            if not (place == f"{here}.name" and leaf == label and len(_mapping(inner)) > 1):
                yield place, leaf


def _document(text: str) -> object:
    """The object or list that a text of JSON holds, or None: a ConfigMap's file is compared field by field."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("object", found) if isinstance(found, dict | list) and found else None


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, Mapping) else {}


def _labels(items: Sequence[object]) -> list[str]:
    """What tells the items of a list apart: their names where they have different ones, else their numbers."""
    names = [
        str(cast("Mapping[str, object]", item)["name"])
        for item in items
        if isinstance(item, Mapping) and "name" in item
    ]
    if len(names) == len(items) and len(set(names)) == len(names):
        return names
    return [str(number) for number in range(len(items))]


def _step(path: str, key: str) -> str:
    if not path:
        return key
    if key.replace("-", "").replace("_", "").isalnum():
        return f"{path}.{key}" if not path.endswith(INSIDE) else f"{path}{key}"
    return f'{path}["{key}"]'
