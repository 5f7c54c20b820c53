"""Which of the program's components a resource belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ci.preview_comment.preview import Action, Resource
from ci.preview_comment.reading import STACK_TYPE

_OURS = "echorator:index:"
ALONE = "the stack itself"
"""For what has no component above it."""


@dataclass(frozen=True)
class Component:
    """One component and what would be done below it."""

    name: str
    resources: tuple[Resource, ...]
    counts: Mapping[Action, int] = field(default_factory=dict[Action, int])

    @property
    def changes(self) -> bool:
        """Whether anything below it would change."""
        return any(one.changes for one in self.resources)


def by_component(resources: Iterable[Resource]) -> list[Component]:
    """The components in the order of the log, with all that is below them; what stands alone comes last."""
    listed = list(resources)
    types = {one.urn: one for one in listed}
    groups: dict[str, list[Resource]] = {}
    for one in listed:
        if one.type != STACK_TYPE:
            groups.setdefault(component_of(one, types), []).append(one)
    found = [
        Component(name, tuple(members), dict(Counter(one.action for one in members)))
        for name, members in groups.items()
    ]
    return sorted(found, key=lambda one: one.name == ALONE)


def component_of(resource: Resource, known: Mapping[str, Resource]) -> str:
    """`ModelStore store`: the nearest component above the resource, or it itself where it is one."""
    urn, seen = resource.urn, set[str]()
    while urn and urn not in seen:
        seen.add(urn)
        found = known.get(urn)
        kind = found.type if found is not None else _own_type(urn)
        if kind.startswith(_OURS):
            return f"{kind.removeprefix(_OURS)} {urn.rsplit('::', 1)[-1]}"
        urn = found.parent if found is not None else ""
    return ALONE


def _own_type(urn: str) -> str:
    parts = urn.split("::")
    return parts[2].rsplit("$", 1)[-1] if len(parts) > len(("urn", "project", "type")) else ""
