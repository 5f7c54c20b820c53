"""Pages of live memories, latest first."""

from __future__ import annotations

from uuid import UUID

from echo.memory import cursors, database, read
from echo.memory.checks import Checker
from echo.memory.context import Context
from echo.memory.kinds import MemoryKind
from echo.memory.life import MemoryPage, PageRequest


async def page(context: Context, request: PageRequest) -> MemoryPage:
    """One page; see :meth:`echo.memory.MemorySpace.page`."""
    checker = context.checker()
    limit = checker.whole("limit", request.limit, 1, context.limits.results)
    place = _place(checker, request.cursor)
    contains = checker.text("contains", request.contains, most_bytes=context.limits.query_bytes)
    values = {
        "kinds": [str(one) for one in checker.several_of("kinds", request.kinds, MemoryKind)] or None,
        "tags": checker.labels("tags", request.tags, most=context.limits.tags) or None,
        "since": checker.moment("since", request.since),
        "until": checker.moment("until", request.until),
        "contains": f"%{_escaped(contains)}%" if contains else None,
        "place": None if place is None else place[0],
        "last": None if place is None else place[1],
    }
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _PAGE, space=row.id, limit=limit + 1, **values)
    memories = tuple(read.memory_of(one) for one in found[:limit])
    more = len(found) > limit
    return MemoryPage(
        memories=memories, next=cursors.write(memories[-1].occurred_at, str(memories[-1].id)) if more else ""
    )


def _place(checker: Checker, cursor: str) -> tuple[object, UUID] | None:
    place = cursors.read(checker, cursor)
    if place is None:
        return None
    try:
        return place[0], UUID(place[1])
    except ValueError:
        checker.fault("cursor", "must be `next` of a page that came before")
        return None


def _escaped(text: str) -> str:
    """A text as a pattern that matches itself alone."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_PAGE = f"""
SELECT {read.COLUMNS} FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.state = 'live'
    AND (CAST(:place AS timestamptz) IS NULL
        OR (m.occurred_at, m.id) < (CAST(:place AS timestamptz), CAST(:last AS uuid)))
    AND (CAST(:kinds AS text[]) IS NULL OR m.kind = ANY (CAST(:kinds AS text[])))
    AND (CAST(:tags AS text[]) IS NULL OR m.tags @> CAST(:tags AS text[]))
    AND (CAST(:since AS timestamptz) IS NULL OR m.occurred_at >= CAST(:since AS timestamptz))
    AND (CAST(:until AS timestamptz) IS NULL OR m.occurred_at < CAST(:until AS timestamptz))
    AND (CAST(:contains AS text) IS NULL OR m.content ILIKE CAST(:contains AS text))
ORDER BY m.occurred_at DESC, m.id DESC LIMIT CAST(:limit AS integer)
"""
