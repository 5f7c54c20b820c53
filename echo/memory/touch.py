"""An access strengthens a memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database, fading
from echo.memory.context import Context
from echo.memory.kinds import Tier
from echo.memory.weights import FadingWeights


async def touch(context: Context, ids: Iterable[UUID], fades: FadingWeights) -> int:
    """Count memories as accessed now; returns how many of them are live."""
    checker = context.checker()
    wanted = checker.identifiers("ids", ids)
    checker.done()
    now = context.clock()
    async with context.transaction() as (connection, row):
        return await touch_in(connection, row.id, wanted, fades, now)


async def touch_in(
    connection: AsyncConnection, space_id: int, ids: Sequence[UUID], fades: FadingWeights, now: datetime
) -> int:
    """The same within a transaction."""
    # Locked in one order: two readers of the same hits would otherwise wait for each other.
    found = await database.rows(connection, _LOCK, space=space_id, ids=list(ids))
    if not found:
        return 0
    strengths: list[float] = []
    for row in found:
        stability = fading.stability_days(
            fades, tier=Tier(row.tier), importance=row.importance, valence=row.valence, arousal=row.arousal,
            access_count=row.access_count,
        )  # fmt: skip
        idle = fading.idle_days(now, row.accessed_at, row.recorded_at)
        strengths.append(fading.reinforced(fading.retention(row.strength, idle, stability), fades.access_gain))
    await database.run(connection, _TOUCH, space=space_id, ids=[row.id for row in found], strengths=strengths, now=now)
    return len(found)


_LOCK = """
SELECT m.id, m.tier, m.importance, m.valence, m.arousal, m.strength, m.access_count, m.accessed_at, m.recorded_at
FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[])) AND m.state = 'live'
ORDER BY m.id FOR NO KEY UPDATE
"""
_TOUCH = """
UPDATE echo.memories AS m
SET strength = g.strength, access_count = m.access_count + 1,
    accessed_at = GREATEST(m.accessed_at, CAST(:now AS timestamptz))
FROM unnest(CAST(:ids AS uuid[]), CAST(:strengths AS real[])) AS g (id, strength)
WHERE m.space_id = CAST(:space AS bigint) AND m.id = g.id
"""
