"""The fields of one resource that would change: our own comparison, joined with what its provider says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from ci.preview_comment.preview import Action, Resource
from ci.preview_comment.secrets import MASK, is_marked, is_secret_name
from ci.preview_comment.values import INSIDE, FieldChange, Kind, differences, text_of

_TOKEN = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[([^\]]*)\]|([^.\[\]]+)')
_SECRET_TYPE = re.compile(r"^kubernetes:core/v1:Secret(Patch|List)?$")
_ABSENT = object()


def field_changes(resource: Resource) -> list[FieldChange]:
    """Every field that differs, by path.

    The inputs are compared here, since providers name whole objects where one line of them changed. What only the
    provider knows is added: a secret whose mask stays the same, and a resource that strayed from its inputs.
    """
    if resource.action in (Action.DELETE, Action.FORGET):
        return []
    own = differences(resource.before, resource.after, secret_data=_holds_secrets(resource))
    if resource.action is Action.CREATE:
        return own
    seen = [_plain(one.path) for one in own]
    told = [
        _told(resource, path, kind)
        for path, kind in resource.field_diffs.items()
        if not any(_within(_plain(path), other) or _within(other, _plain(path)) for other in seen)
    ]
    forcing = [_plain(path) for path, kind in resource.field_diffs.items() if kind.endswith("replace")]
    forcing += [(key,) for key in resource.replace_keys] if not forcing else []
    marked = [
        replace(
            one, replaces=any(_within(_plain(one.path), path) or _within(path, _plain(one.path)) for path in forcing)
        )
        for one in [*own, *told]
    ]
    return sorted(marked, key=lambda one: (not one.replaces, one.path))


def _holds_secrets(resource: Resource) -> bool:
    return _SECRET_TYPE.match(resource.type) is not None


def _told(resource: Resource, path: str, kind: str) -> FieldChange:
    """A difference that the provider found and the inputs do not show."""
    keys = _keys(path)
    hide = any(is_secret_name(key) for key in keys) or (
        _holds_secrets(resource) and keys[:1] in (["data"], ["stringData"])
    )
    old = _resolve(resource.outputs, keys)
    before = old if old is not _ABSENT else _resolve(resource.before, keys)
    after = _resolve(resource.after, keys)
    return FieldChange(
        path,
        Kind.ADDED if kind.startswith("add") else Kind.REMOVED if kind.startswith("delete") else Kind.CHANGED,
        None if kind.startswith("add") else _text(before, hide=hide),
        None if kind.startswith("delete") else _text(after, hide=hide, other=True),
    )


def _text(value: object, *, hide: bool, other: bool = False) -> str:
    if value is _ABSENT:
        return "(not shown by the preview)"
    if hide or is_marked(value):
        return f"{MASK} (another value)" if other else MASK
    return text_of(value)


def _keys(path: str) -> list[str]:
    return [quoted or index or name for quoted, index, name in _TOKEN.findall(path)]


def _plain(path: str) -> tuple[str, ...]:
    """The keys without those of lists, which the two sides count differently."""
    names: list[str] = []
    for quoted, _, name in _TOKEN.findall(path.replace(INSIDE, ".")):
        names += [part for part in (quoted or name).split(".") if part]
    return tuple(names)


def _within(path: Sequence[str], outer: Sequence[str]) -> bool:
    return tuple(path[: len(outer)]) == tuple(outer)


def _resolve(properties: Mapping[str, Any], keys: Sequence[str]) -> object:
    found: object = properties
    for key in keys:
        if isinstance(found, Mapping) and key in found:
            found = cast("Mapping[str, object]", found)[key]
        elif isinstance(found, list) and key.isdigit() and int(key) < len(cast("list[object]", found)):
            found = cast("list[object]", found)[int(key)]
        else:
            return _ABSENT
    return found
