"""Goals of a space."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from echo.memory import database
from echo.memory.context import Context
from echo.memory.errors import Fault, TooLargeError, UnknownGoalError
from echo.memory.life import Goal, GoalState

_MOST = 1_000
_TEXT_BYTES = 4_096


async def goals(context: Context, state: GoalState | None) -> list[Goal]:
    """Goals, the most important first, then the oldest."""
    checker = context.checker()
    wanted = None if state is None else str(checker.one_of("state", state, GoalState))
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _LIST, space=row.id, state=wanted, limit=_MOST)
    return [_goal(one) for one in found]


async def goal(context: Context, goal_id: UUID) -> Goal:
    """One goal."""
    async with context.transaction() as (connection, row):
        found = await database.one(connection, _GET, space=row.id, id=goal_id)
    if found is None:
        raise UnknownGoalError(goal_id)
    return _goal(found)


async def add(context: Context, text: str, priority: float, progress: float) -> Goal:
    """Set a goal."""
    checker = context.checker()
    values: dict[str, Any] = {
        "text": checker.text("text", text, most_bytes=_TEXT_BYTES, empty=False),
        "priority": checker.number("priority", priority, 0, 1),
        "progress": checker.number("progress", progress, 0, 1),
    }
    checker.done()
    now = context.clock()
    async with context.transaction() as (connection, row):
        made = await database.one(connection, _ADD, space=row.id, id=context.new_id(now), now=now, most=_MOST, **values)
    if made is None:
        raise TooLargeError([Fault("goals", f"there are {_MOST} already; delete some")])
    return _goal(made)


async def change(
    context: Context,
    goal_id: UUID,
    *,
    text: str | None,
    priority: float | None,
    progress: float | None,
    state: GoalState | None,
) -> Goal:
    """Change a goal; None stays as it is."""
    checker = context.checker()
    values: dict[str, Any] = {
        "text": None if text is None else checker.text("text", text, most_bytes=_TEXT_BYTES, empty=False),
        "priority": None if priority is None else checker.number("priority", priority, 0, 1),
        "progress": None if progress is None else checker.number("progress", progress, 0, 1),
        "state": None if state is None else str(checker.one_of("state", state, GoalState)),
    }
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.one(connection, _CHANGE, space=row.id, id=goal_id, now=context.clock(), **values)
    if found is None:
        raise UnknownGoalError(goal_id)
    return _goal(found)


async def drop(context: Context, goal_id: UUID) -> None:
    """Delete a goal."""
    async with context.transaction() as (connection, row):
        found = await database.one(connection, _DROP, space=row.id, id=goal_id)
    if found is None:
        raise UnknownGoalError(goal_id)


def _goal(row: Any) -> Goal:
    return Goal(
        id=row.id, text=row.text, priority=row.priority, progress=row.progress, state=GoalState(row.state),
        created_at=row.created_at, updated_at=row.updated_at,
    )  # fmt: skip


_COLUMNS = "id, text, priority, progress, state, created_at, updated_at"
_MINE = "space_id = CAST(:space AS bigint) AND id = CAST(:id AS uuid)"
_LIST = f"""
SELECT {_COLUMNS} FROM echo.goals
WHERE space_id = CAST(:space AS bigint) AND (CAST(:state AS text) IS NULL OR state = CAST(:state AS text))
ORDER BY priority DESC, created_at, id LIMIT CAST(:limit AS integer)
"""
_GET = f"SELECT {_COLUMNS} FROM echo.goals WHERE {_MINE}"
_ADD = f"""
INSERT INTO echo.goals (space_id, {_COLUMNS})
SELECT CAST(:space AS bigint), CAST(:id AS uuid), CAST(:text AS text), CAST(:priority AS real), CAST(:progress AS real),
    'open', CAST(:now AS timestamptz), CAST(:now AS timestamptz)
WHERE (SELECT count(*) FROM echo.goals WHERE space_id = CAST(:space AS bigint)) < CAST(:most AS bigint)
RETURNING {_COLUMNS}
"""
_CHANGE = f"""
UPDATE echo.goals SET text = COALESCE(CAST(:text AS text), text),
    priority = COALESCE(CAST(:priority AS real), priority), progress = COALESCE(CAST(:progress AS real), progress),
    state = COALESCE(CAST(:state AS text), state), updated_at = CAST(:now AS timestamptz)
WHERE {_MINE} RETURNING {_COLUMNS}
"""
_DROP = f"DELETE FROM echo.goals WHERE {_MINE} RETURNING id"
