"""Filters that leave few memories over: these are looked at one by one, and not looked for among the best of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database
from echo.memory.context import SpaceRow
from echo.memory.retrieval.filters import statement

MOST = 1_000
"""To read this many vectors and postings one by one takes about as long as one search of a large space by its index."""

Few = Sequence[UUID] | None
"""The only memories that count, or None where they are too many to be named."""


async def passing(connection: AsyncConnection, space: SpaceRow, parameters: dict[str, Any]) -> Few:
    """The memories that a filter leaves over, where tags, sessions or times bring it down to :data:`MOST`.

    None where more of them carry the rarest tag, or where no index tells.
    """
    for names, sql in _WAYS.items():
        if all(parameters[name] is None for name in names):
            continue
        found = await database.one(connection, statement(sql, parameters), space=space.id, most=MOST, **parameters)
        if found is not None and found.seen <= MOST:
            return found.ids or []
    return None


# What an index brings is counted before the rest of the filter, or a common tag with a rare source would be read whole.
_SELECT = "SELECT count(*) AS seen, array_agg(m.id) FILTER (WHERE CONDITION) AS ids"
_WAYS = {
    ("tags",): f"""
        WITH rarest AS MATERIALIZED (
            SELECT w.tag FROM unnest(CAST(:tags AS text[])) AS w (tag), LATERAL (
                SELECT count(*) AS holders FROM (
                    SELECT FROM echo.memory_tags t WHERE t.space_id = CAST(:space AS bigint) AND t.tag = w.tag
                    LIMIT CAST(:most AS integer) + 1
                ) capped
            ) c ORDER BY c.holders, w.tag LIMIT 1
        )
        {_SELECT} FROM rarest r, LATERAL (
            SELECT t.memory_id FROM echo.memory_tags t WHERE t.space_id = CAST(:space AS bigint) AND t.tag = r.tag
            LIMIT CAST(:most AS integer) + 1
        ) t JOIN echo.memories m ON m.space_id = CAST(:space AS bigint) AND m.id = t.memory_id
        """,
    ("any_tags",): f"""
        {_SELECT} FROM (
            SELECT DISTINCT t.memory_id FROM echo.memory_tags t
            WHERE t.space_id = CAST(:space AS bigint) AND t.tag = ANY (CAST(:any_tags AS text[]))
            LIMIT CAST(:most AS integer) + 1
        ) t JOIN echo.memories m ON m.space_id = CAST(:space AS bigint) AND m.id = t.memory_id
        """,
    ("sessions",): f"""
        {_SELECT} FROM (
            SELECT * FROM echo.memories
            WHERE space_id = CAST(:space AS bigint) AND session <> '' AND session = ANY (CAST(:sessions AS text[]))
            LIMIT CAST(:most AS integer) + 1
        ) m
        """,
    ("since", "until"): f"""
        {_SELECT} FROM (
            SELECT * FROM echo.memories
            WHERE space_id = CAST(:space AS bigint) AND state = 'live'
                AND occurred_at >= COALESCE(CAST(:since AS timestamptz), '-infinity')
                AND occurred_at < COALESCE(CAST(:until AS timestamptz), 'infinity')
            LIMIT CAST(:most AS integer) + 1
        ) m
        """,
}
