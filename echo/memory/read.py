"""Rows of the database as memories."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database
from echo.memory.kinds import MemoryKind, MemoryState, Tier
from echo.memory.records import Memory

COLUMNS = """
m.id, m.content, m.context, m.kind, m.tier, m.state, m.importance, m.valence, m.arousal, m.dominance, m.complexity,
m.strength, m.access_count, m.accessed_at, m.occurred_at, m.recorded_at, m.valid_from, m.valid_to, m.supersedes,
m.merged_into, m.source, m.session, m.source_ids, m.provenance, m.tags, m.metadata
"""


def memory_of(row: Row[Any]) -> Memory:
    """One memory."""
    return Memory(
        id=row.id,
        content=row.content,
        context=row.context,
        kind=MemoryKind(row.kind),
        tier=Tier(row.tier),
        state=MemoryState(row.state),
        importance=row.importance,
        valence=row.valence,
        arousal=row.arousal,
        dominance=row.dominance,
        complexity=row.complexity,
        strength=row.strength,
        access_count=row.access_count,
        accessed_at=row.accessed_at,
        occurred_at=row.occurred_at,
        recorded_at=row.recorded_at,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        supersedes=row.supersedes,
        merged_into=row.merged_into,
        source=row.source,
        session=row.session,
        source_ids=tuple(row.source_ids),
        provenance=document(row.provenance),
        tags=tuple(row.tags),
        metadata=document(row.metadata),
    )


def document(value: object) -> Mapping[str, Any]:
    """A jsonb column, which the driver hands over as text."""
    return cast("Mapping[str, Any]", json.loads(value) if isinstance(value, str | bytes) else value)


async def memories(connection: AsyncConnection, space_id: int, ids: Sequence[UUID]) -> dict[UUID, Memory]:
    """The memories of these ids that are there, whatever their state."""
    found = await database.rows(connection, _BY_ID, space=space_id, ids=list(ids))
    return {row.id: memory_of(row) for row in found}


_BY_ID = f"""
SELECT {COLUMNS} FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[]))
"""
