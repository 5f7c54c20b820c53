"""Edges between memories."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast
from uuid import UUID

from echo.memory import database
from echo.memory.checks import Checker
from echo.memory.context import Context
from echo.memory.errors import UnknownMemoryError
from echo.memory.kinds import AssociationKind
from echo.memory.records import Association, NewAssociation

_GAIN = 0.1
"""Of what is missing to a weight of 1, that much each repetition adds."""
_LEAST = 1e-6


async def associate(context: Context, edges: Iterable[NewAssociation]) -> int:
    """Add edges, or reinforce them; returns how many are new."""
    checker = context.checker()
    given: list[NewAssociation] = checker.many("edges", edges, NewAssociation)
    ready = [_check(checker, f"edges[{i}]", edge) for i, edge in enumerate(given)]
    checker.done()
    # The last weight of an edge that is named twice counts. In one order, so that batches never wait in a circle.
    unique = {(source, target, kind): weight for source, target, kind, weight in ready}
    ordered = sorted(unique)
    if not ordered:
        return 0
    ends = sorted({end for source, target, _ in ordered for end in (source, target)})
    async with context.transaction() as (connection, row):
        there = {one.id for one in await database.rows(connection, _THERE, space=row.id, ids=ends)}
        if missing := [end for end in ends if end not in there]:
            raise UnknownMemoryError(missing)
        found = await database.rows(
            connection, _ASSOCIATE, space=row.id, now=context.clock(), gain=_GAIN,
            sources=[key[0] for key in ordered], targets=[key[1] for key in ordered],
            kinds=[str(key[2]) for key in ordered], weights=[unique[key] for key in ordered],
        )  # fmt: skip
    return sum(1 for one in found if one.strengthened == 0)


async def dissociate(context: Context, edges: Iterable[Association | NewAssociation]) -> int:
    """Take edges away; returns how many were there."""
    checker = context.checker()
    given: list[NewAssociation] = checker.many("edges", _as_new(edges), NewAssociation)
    ready = [_check(checker, f"edges[{i}]", edge) for i, edge in enumerate(given)]
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(
            connection, _DISSOCIATE, space=row.id, sources=[one[0] for one in ready],
            targets=[one[1] for one in ready], kinds=[str(one[2]) for one in ready],
        )  # fmt: skip
    return len(found)


def _as_new(edges: object) -> object:
    """Edges as they are given to be made; what is none stays, to be refused with the rest."""
    if isinstance(edges, str | bytes) or not isinstance(edges, Iterable):
        return edges
    return [
        NewAssociation(source=edge.source, target=edge.target, kind=edge.kind, weight=edge.weight)
        if isinstance(edge, Association)
        else edge
        for edge in cast("Iterable[object]", edges)
    ]


def _check(checker: Checker, where: str, edge: NewAssociation) -> tuple[UUID, UUID, AssociationKind, float]:
    ends = [
        checker.identifiers(f"{where}.source", [edge.source]),
        checker.identifiers(f"{where}.target", [edge.target]),
    ]
    kind = checker.one_of(f"{where}.kind", edge.kind, AssociationKind)
    weight = checker.number(f"{where}.weight", edge.weight, _LEAST, 1)
    if edge.source == edge.target:
        checker.fault(where, "leads from a memory to itself")
    source, target = (one[0] if one else UUID(int=0) for one in ends)
    return source, target, kind, weight


_THERE = """
SELECT m.id FROM echo.memories m WHERE m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[]))
"""
_ASSOCIATE = """
INSERT INTO echo.associations AS a (space_id, source, target, kind, weight, created_at, activated_at)
SELECT CAST(:space AS bigint), g.source, g.target, g.kind, g.weight, CAST(:now AS timestamptz),
    CAST(:now AS timestamptz)
FROM unnest(CAST(:sources AS uuid[]), CAST(:targets AS uuid[]), CAST(:kinds AS text[]), CAST(:weights AS real[]))
    WITH ORDINALITY AS g (source, target, kind, weight, place)
ORDER BY g.place
ON CONFLICT (space_id, source, target, kind) DO UPDATE SET
    weight = LEAST(1, a.weight + CAST(:gain AS real) * (1 - a.weight)),
    strengthened = a.strengthened + 1, activated_at = CAST(:now AS timestamptz)
RETURNING a.strengthened
"""
_DISSOCIATE = """
DELETE FROM echo.associations a
USING unnest(CAST(:sources AS uuid[]), CAST(:targets AS uuid[]), CAST(:kinds AS text[])) AS g (source, target, kind)
WHERE a.space_id = CAST(:space AS bigint) AND a.source = g.source AND a.target = g.target AND a.kind = g.kind
RETURNING a.source
"""
