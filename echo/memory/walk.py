"""Walking the graph: breadth first, each memory once."""

from __future__ import annotations

from uuid import UUID

from echo.memory import database
from echo.memory.context import Context
from echo.memory.errors import UnknownMemoryError
from echo.memory.kinds import AssociationKind, Direction
from echo.memory.records import Association, Step, Walk, WalkRequest

_FAN_OUT = 100


async def walk(context: Context, request: WalkRequest) -> Walk:
    """Follow edges from the starts; see :meth:`echo.memory.MemorySpace.walk`."""
    checker = context.checker()
    limits = context.limits
    starts = checker.identifiers("request.starts", request.starts)
    if not starts and not checker.faults:
        checker.fault("request.starts", "names no memory to start from")
    depth = checker.whole("request.depth", request.depth, 1, limits.walk_depth)
    kinds = checker.several_of("request.kinds", request.kinds, AssociationKind)
    direction = checker.one_of("request.direction", request.direction, Direction)
    limit = checker.whole("request.limit", request.limit, 1, limits.walk_steps)
    checker.done()
    steps: dict[UUID, Step] = {one: Step(id=one, depth=0, path=(one,), weight=1.0) for one in starts}
    truncated = False
    async with context.transaction() as (connection, row):
        there = await database.rows(connection, _THERE, space=row.id, ids=starts)
        if missing := [one for one in starts if one not in {found.id for found in there}]:
            raise UnknownMemoryError(missing)
        frontier = list(starts)
        for hop in range(1, depth + 1):
            found = await database.rows(
                connection, _NEXT, space=row.id, ids=sorted(frontier), seen=sorted(steps),
                kinds=[str(kind) for kind in kinds] or None, fan_out=_FAN_OUT,
                out=direction is not Direction.IN, back=direction is not Direction.OUT,
            )  # fmt: skip
            reached: dict[UUID, Step] = {}
            for edge in found:
                before = steps[edge.here]
                weight = before.weight * edge.weight
                if edge.there not in reached or (-weight, before.path) < (
                    -reached[edge.there].weight, reached[edge.there].path[:-1],
                ):  # fmt: skip
                    reached[edge.there] = Step(id=edge.there, depth=hop, path=(*before.path, edge.there), weight=weight)
            ordered = sorted(reached.values(), key=lambda step: (-step.weight, step.id))
            room = limit - (len(steps) - len(starts))
            truncated = truncated or len(ordered) > room
            steps |= {step.id: step for step in ordered[:room]}
            frontier = [step.id for step in ordered[:room]]
            if not frontier:
                break
        between = await database.rows(
            connection, _BETWEEN, space=row.id, ids=sorted(steps), kinds=[str(kind) for kind in kinds] or None
        )
    edges = tuple(
        Association(
            source=edge.source, target=edge.target, kind=AssociationKind(edge.kind), weight=edge.weight,
            strengthened=edge.strengthened, created_at=edge.created_at, activated_at=edge.activated_at,
        )
        for edge in between
    )  # fmt: skip
    return Walk(steps=tuple(steps[one] for one in steps if steps[one].depth > 0), edges=edges, truncated=truncated)


_THERE = """
SELECT m.id FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[])) AND m.state = 'live'
"""
_NEXT = """
SELECT e.here, e.there, max(e.weight) AS weight
FROM unnest(CAST(:ids AS uuid[])) AS g (id), LATERAL (
    SELECT * FROM (
        SELECT a.source AS here, a.target AS there, a.weight, a.kind FROM echo.associations a
        WHERE CAST(:out AS boolean) AND a.space_id = CAST(:space AS bigint) AND a.source = g.id
        UNION ALL
        SELECT a.target, a.source, a.weight, a.kind FROM echo.associations a
        WHERE CAST(:back AS boolean) AND a.space_id = CAST(:space AS bigint) AND a.target = g.id
    ) ways
    WHERE (CAST(:kinds AS text[]) IS NULL OR kind = ANY (CAST(:kinds AS text[])))
        AND there <> ALL (CAST(:seen AS uuid[]))
    ORDER BY weight DESC, there LIMIT CAST(:fan_out AS integer)
) e
JOIN echo.memories m ON m.space_id = CAST(:space AS bigint) AND m.id = e.there AND m.state = 'live'
GROUP BY e.here, e.there ORDER BY e.here, e.there
"""
_BETWEEN = """
SELECT a.source, a.target, a.kind, a.weight, a.strengthened, a.created_at, a.activated_at FROM echo.associations a
WHERE a.space_id = CAST(:space AS bigint)
    AND a.source = ANY (CAST(:ids AS uuid[])) AND a.target = ANY (CAST(:ids AS uuid[]))
    AND (CAST(:kinds AS text[]) IS NULL OR a.kind = ANY (CAST(:kinds AS text[])))
ORDER BY a.source, a.target, a.kind
"""
