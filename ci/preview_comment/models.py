"""The models of the stack: which would be pulled, and how much that is where the state knows their sizes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ci.preview_comment.preview import Action, Resource
from ci.preview_comment.values import text_of

_TYPE_END = ":OllamaModel"
_PULLED_ANEW = ("name", "source", "pullFrom", "digest", "create")
_SIZES = ("sizeBytes", "sizesBytes", "sizes")
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_STEP = 1000


@dataclass(frozen=True)
class ModelPull:
    """One model of one server that some replicas do not have yet.

    Attributes:
        server: the component above it, or empty.
        name: what clients call it.
        source: where it comes from, where that is another name.
        digest: the wanted one, or None for whatever the name stands for.
        replicas: how many replicas pull it; None where a preview cannot know.
        each: bytes on one replica; None where the state knows none.
    """

    server: str
    name: str
    source: str
    digest: str | None
    replicas: int | None
    each: int | None

    @property
    def total(self) -> int | None:
        """Bytes that all those replicas write."""
        return None if self.each is None or self.replicas is None else self.each * self.replicas


def pulls(resources: Iterable[Resource]) -> list[ModelPull]:
    """What would be pulled, by name.

    A size is known only of what this stack has pulled before, by the same source and digest, on whichever server.
    """
    models = [one for one in resources if one.type.endswith(_TYPE_END)]
    sizes = {_identity(one.before): size for one in models if (size := _size(one)) is not None}
    found = [_pull(one, sizes) for one in models if _would_pull(one)]
    return sorted(found, key=lambda one: (one.server, one.name))


def _would_pull(model: Resource) -> bool:
    if model.action in (Action.CREATE, Action.REPLACE):
        return True
    if model.action is not Action.UPDATE:
        return False
    return any(model.before.get(key) != model.after.get(key) for key in _PULLED_ANEW) or _new_replicas(model) != 0


def _new_replicas(model: Resource) -> int | None:
    """How many replicas are new; None where either number is not known."""
    old, new = _replicas(model.before), _replicas(model.after)
    return None if old is None or new is None else max(new - old, 0)


def _pull(model: Resource, sizes: Mapping[tuple[str, str], int]) -> ModelPull:
    wanted = model.after
    replicas = _replicas(wanted)
    if model.action is Action.UPDATE and all(model.before.get(key) == wanted.get(key) for key in _PULLED_ANEW):
        replicas = _new_replicas(model)
    name = str(wanted.get("name", model.name))
    digest = wanted.get("digest")
    return ModelPull(
        server=model.parent.rsplit("::", 1)[-1],
        name=name,
        # One that is made on the replica has none.
        source=text_of(wanted.get("source") or name),
        digest=digest if isinstance(digest, str) and digest else None,
        replicas=replicas,
        each=sizes.get(_identity(wanted)),
    )


def _replicas(properties: Mapping[str, Any]) -> int | None:
    if properties.get("url") is not None:
        return 1
    count = properties.get("replicaCount")
    return int(count) if isinstance(count, int | float) and not isinstance(count, bool) else None


def _identity(properties: Mapping[str, Any]) -> tuple[str, str]:
    return str(properties.get("source")), str(properties.get("digest"))


def _size(model: Resource) -> int | None:
    """Bytes of the model, as the last deploy found them."""
    for key in _SIZES:
        value = model.outputs.get(key)
        if isinstance(value, Mapping):
            listed = [one for one in cast("Mapping[str, object]", value).values() if _positive(one)]
            value = max(cast("list[float]", listed), default=None)
        if _positive(value):
            return int(cast("float", value))
    return None


def _positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def human(size: int | None) -> str:
    """Bytes with a unit of powers of ten, as registries and disks count; `unknown` for None."""
    if size is None:
        return "unknown"
    value, unit = float(size), 0
    while round(value, 1) >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{size} B" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"
