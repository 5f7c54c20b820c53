"""Merging a part of a pod template over ours, as `kubectl apply` would: the way out for what no setting says."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

_KEYS = {"volumeMounts": "mountPath", "volumeDevices": "devicePath", "ports": "containerPort"}
"""Kubernetes' own keys where `name` is not what tells the items of a list apart."""


def merged(base: Any, over: Any, field: str = "") -> Any:  # noqa: ANN401
    """`base` with `over` laid over it; neither is changed.

    Args:
        base: plain data, as Kubernetes spells it.
        over: maps merge key by key, and None removes a key; lists of things with a `name` merge by it (ports by
            `containerPort`, mounts by `mountPath`); all else replaces.
        field: where the two stand in their map.
    """
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return _maps(cast("Mapping[str, Any]", base), cast("Mapping[str, Any]", over))
    key = _KEYS.get(field, "name")
    items, others = _keyed(cast("object", base), key), _keyed(cast("object", over), key)
    return _without_none(over) if items is None or others is None else _lists(items, others, key)


def _maps(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in base.items() if key not in over or over[key] is not None}
    for key, value in over.items():
        if value is not None:
            found[key] = merged(base[key], value, key) if key in base else _without_none(value)
    return found


def _lists(base: Sequence[Mapping[str, Any]], over: Sequence[Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    found = [dict(one) for one in base]
    for one in over:
        same = [index for index, other in enumerate(found) if other[key] == one[key]]
        for index in same:
            found[index] = _maps(found[index], one)
        if not same:
            found.append(cast("dict[str, Any]", _without_none(one)))
    return found


def _keyed(value: object, key: str) -> Sequence[Mapping[str, Any]] | None:
    """`value`, if it is a list of maps that all have `key`."""
    if not isinstance(value, list | tuple):
        return None
    items = cast("Sequence[Any]", value)
    keyed = all(isinstance(one, Mapping) and cast("Mapping[str, Any]", one).get(key) is not None for one in items)
    return items if keyed else None


def _without_none(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        items = cast("Mapping[str, Any]", value).items()
        return {key: _without_none(inner) for key, inner in items if inner is not None}
    if isinstance(value, list | tuple):
        return [_without_none(one) for one in cast("Sequence[Any]", value)]
    return value
