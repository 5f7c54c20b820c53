"""Spatial context: the places that are spoken of, and where in the memory's graph one is."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from echo.memory import AssociationKind, Hit, Walk

_RELATIONS = (
    "in front of|next to|close to|on top of|to the left of|to the right of|left of|right of|opposite|behind|between|"
    "beside|near|above|below|under|inside|outside|across from|at|in|on"
)
_PLACE = re.compile(
    rf"\b(?P<relation>{_RELATIONS}) (?P<article>the|my|our|your|his|her|their|a|an) "
    r"(?P<place>[a-z][a-z-]*(?: [a-z][a-z-]*){0,2}?)"
    r"(?=[,;.!?)]|$|\s+(?:and|or|but|is|are|was|were|of|with|for|to|that|which|who|when|in|on|at|near|by|from)\b)",
    re.IGNORECASE,
)
_TIMES = (
    "morning afternoon evening night end moment way time case past future beginning day week month year weekend least "
    "same first last phone rest meantime"
)
_NO_PLACE = frozenset(_TIMES.split())
_MOST = 8
_READ = 8_000


@dataclass(frozen=True)
class Place:
    """A place that was spoken of."""

    relation: str
    name: str


@dataclass(frozen=True, kw_only=True)
class Locus:
    """Where in the memory's graph a turn is."""

    density: float | None = None
    """Edges between the recalled memories over the most there could be, 0 (scattered) to 1; None for fewer than two."""
    drift: float | None = None
    """How far it moved from what was recalled before: 1 less the shared over all, 0 to 1; None without a before."""


def places_in(text: str) -> list[Place]:
    """Places with the relation to them, each once, in their order; times of the day are none. English."""
    found: dict[Place, None] = {}
    for match in _PLACE.finditer(text[-_READ:]):
        name = " ".join(match["place"].lower().split())
        if not _NO_PLACE.intersection(name.split()):
            found[Place(match["relation"].lower(), name)] = None
    return list(found)[:_MOST]


def places_of(asked: str, hits: Sequence[Hit]) -> list[tuple[Place, int]]:
    """Places in what is asked (numbered 0) and in what was recalled (by the hit's number), each once."""
    found: dict[Place, int] = {}
    for number, text in enumerate([asked, *(hit.memory.content for hit in hits)]):
        for place in places_in(text):
            found.setdefault(place, number)
    return list(found.items())[:_MOST]


def locus(walk: Walk, recalled: Collection[UUID], before: Collection[UUID]) -> Locus:
    """Where a turn is, from the edges around what was recalled for it."""
    here, there = set(recalled), set(before)
    pairs = {
        frozenset((edge.source, edge.target))
        for edge in walk.edges
        if edge.source in here and edge.target in here and edge.kind is not AssociationKind.CONTRADICTS
    }
    most = len(here) * (len(here) - 1) / 2
    union = here | there
    return Locus(
        density=len(pairs) / most if most > 0 else None,
        drift=1 - len(here & there) / len(union) if there and union else None,
    )
