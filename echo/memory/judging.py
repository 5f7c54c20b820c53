"""What somebody says of an answer moves the memories that it was made with, and what was learned from it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from echo.memory import database, learning
from echo.memory.checks import Checker
from echo.memory.context import Context
from echo.memory.crediting import importance_after, quality, strength_after
from echo.memory.errors import UnknownConversationError, UnknownTurnError
from echo.memory.extraction import UNSAID
from echo.memory.records import Observation

_REASON_BYTES = 1_024
_LATELY = 20


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """What somebody says of an answer."""

    turn: str
    """The request that was answered."""
    value: float
    """-1 (bad) to 1 (good)."""
    reason: str = ""
    conversation: str = ""
    experience: UUID | None = None
    """That was made of the turn; None where there is none yet."""
    shares: Mapping[UUID, float] = field(default_factory=dict[UUID, float])
    """By memory, how much of it went into the answer, 0 to 1."""
    observations: Sequence[Observation] = ()
    """The regularities that the experience shows."""


@dataclass(frozen=True, kw_only=True)
class MovedMemory:
    """A memory as a judgement left it."""

    id: UUID
    strength: float
    importance: float


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a judgement did."""

    value: float
    revision: int
    """1 for the first judgement of a turn, one more each time that it changed."""
    changed: bool
    """Whether anything is otherwise than before."""
    memories: tuple[MovedMemory, ...]
    """Those that the judgement bears on and that are live, as they are now."""
    patterns: int
    """That were corrected."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """An answer of a conversation, as far as a judgement needs it."""

    number: int
    request: str
    owner: str
    content: str
    recalled: tuple[UUID, ...]


async def judge(context: Context, given: Judgement, access_gain: float) -> Judged:
    """Take a judgement; see :meth:`echo.memory.MemorySpace.judge`."""
    checker = context.checker()
    turn = checker.label("turn", given.turn, empty=False)
    value = checker.number("value", given.value, -1, 1)
    reason = checker.text("reason", given.reason, most_bytes=_REASON_BYTES)
    checker.label("conversation", given.conversation)
    experience = checker.identifier("experience", given.experience)
    checker.identifiers("shares", given.shares)
    shares = _shares(checker, given.shares)
    seen: list[Observation] = checker.many("observations", given.observations, Observation)
    ready = [learning.check(checker, f"observations[{i}]", one) for i, one in enumerate(seen)]
    checker.done()
    now = context.clock()
    async with context.transaction() as (connection, row):
        space = row.id
        fresh = await database.one(connection, _BEGIN, space=space, turn=turn, value=value, now=now) is not None
        [before] = await database.rows(connection, _HELD, space=space, turn=turn)
        # What is stored has 32 bits.
        other = not fresh and abs(before.value - value) > _SAME
        moved: dict[UUID, tuple[float, float]] = {
            UUID(key): (float(by[0]), float(by[1])) for key, by in _document(before.moved).items()
        }
        memories = await _move(connection, space, moved, shares, value, access_gain, again=other)
        patterns = None if experience is None else await _correct(connection, space, experience, ready, value)
        if patterns is None:
            # It may have been purged meanwhile.
            experience = None
        changed = (
            fresh
            or other
            or reason != before.reason
            or any(one not in moved for one in memories.moved)
            or experience not in {None, before.experience}
        )
        if changed:
            await database.run(
                connection, _KEEP, space=space, turn=turn, value=value, reason=reason, now=now,
                revision=before.revision + int(other), experience=experience, conversation=given.conversation,
                moved=json.dumps({str(one): by for one, by in memories.moved.items()}),
            )  # fmt: skip
    return Judged(
        value=value,
        revision=before.revision + int(other),
        changed=changed,
        memories=memories.now,
        patterns=patterns if patterns is not None else 0,
    )


async def judgement(context: Context, turn: str) -> Judgement | None:
    """What was said of the answer to a request; None where nothing was."""
    checker = context.checker()
    checker.label("turn", turn, empty=False)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.one(connection, _GET, space=row.id, turn=turn)
    if found is None:
        return None
    return Judgement(
        turn=turn, value=found.value, reason=found.reason, conversation=found.conversation, experience=found.experience
    )


async def lately(context: Context) -> float | None:
    """How good answers were lately; None where nobody said."""
    async with context.transaction() as (connection, row):
        found = await database.rows(connection, _LATEST, space=row.id, limit=_LATELY)
    return quality([one.value for one in reversed(found)])


async def answer(context: Context, conversation: str, number: int | None) -> Answer:
    """The answer of a conversation with a number, or to the turn with it; the last one where None.

    Raises:
        UnknownConversationError: it is not there.
        UnknownTurnError: there is no such turn, or it was kept before answers could be judged.
    """
    checker = context.checker()
    checker.label("conversation", conversation, empty=False)
    if number is not None:
        checker.whole("turn", number, 1, _MOST_TURNS)
    checker.done()
    async with context.transaction() as (connection, row):
        known = await database.one(connection, _CONVERSATION, space=row.id, name=conversation)
        found = await database.rows(connection, _ANSWER, space=row.id, name=conversation, number=number)
    if known is None:
        raise UnknownConversationError(conversation)
    said = next((one for one in found if one.role == _ANSWERS), None)
    if said is None:
        raise UnknownTurnError(f"{conversation!r}, turn {'last' if number is None else number}")
    asked = next((one for one in found if one.number != said.number), None)
    given: list[dict[str, Any]] = [] if asked is None else _listed(asked.recalled)
    return Answer(
        number=said.number, request=said.request, owner=known.owner, content=said.content,
        recalled=tuple(UUID(one["id"]) for one in given),
    )  # fmt: skip


@dataclass(frozen=True)
class _Moves:
    moved: dict[UUID, tuple[float, float]]
    now: tuple[MovedMemory, ...]


async def _move(
    connection: AsyncConnection,
    space: int,
    before: Mapping[UUID, tuple[float, float]],
    shares: Mapping[UUID, float],
    value: float,
    gain: float,
    *,
    again: bool,
) -> _Moves:
    """Move the memories that were not moved yet; all of them, from where they were, where it is judged `again`."""
    rows = await database.rows(connection, _LOCK, space=space, ids=sorted({*shares, *before}))
    moved = dict(before)
    start: dict[UUID, tuple[float, float]] = {}
    batch: list[tuple[UUID, float, float]] = []
    for row in rows:
        known = before.get(row.id)
        if known is None or again:
            back = known if known is not None else (0.0, 0.0)
            strength, importance = (
                min(1.0, max(0.0, one - by)) for one, by in zip((row.strength, row.importance), back, strict=True)
            )
            judged = value * shares.get(row.id, 0.0)
            start[row.id] = (strength, importance)
            batch.append((row.id, strength_after(strength, judged, gain), importance_after(importance, judged)))
    there = {row.id: (row.strength, row.importance) for row in rows}
    if batch:
        # As they are stored, which has 32 bits: what is told again is then the same.
        for row in await database.rows(
            connection, _MOVE, space=space, ids=[one[0] for one in batch], strengths=[one[1] for one in batch],
            importances=[one[2] for one in batch],
        ):  # fmt: skip
            there[row.id] = (row.strength, row.importance)
            moved[row.id] = (row.strength - start[row.id][0], row.importance - start[row.id][1])
    return _Moves(moved, tuple(MovedMemory(id=one, strength=now[0], importance=now[1]) for one, now in there.items()))


async def _correct(
    connection: AsyncConnection,
    space: int,
    experience: UUID,
    observations: Sequence[Observation],
    value: float,
) -> int | None:
    """Note how an experience went; what was learned from it already is corrected by the difference.

    Returns:
        How many patterns were corrected; None where there is no such experience.
    """
    found = await database.one(connection, _EXPERIENCE, space=space, id=experience)
    if found is None:
        return None
    if found.feedback is not None and abs(found.feedback - value) <= _SAME:
        return 0
    await database.run(connection, _TELL, space=space, id=experience, value=value)
    if found.consolidated_at is None:
        return 0
    counted = found.feedback if found.feedback is not None else UNSAID
    return await learning.correct_in(connection, space, observations, counted, value)


def _shares(checker: Checker, given: object) -> dict[UUID, float]:
    if not isinstance(given, Mapping):
        checker.fault("shares", "must be a mapping of memories' ids to numbers from 0 to 1")
        return {}
    pairs = cast("Mapping[object, object]", given).items()
    return {one: checker.number(f"shares[{one}]", share, 0, 1) for one, share in pairs if isinstance(one, UUID)}


def _document(given: object) -> dict[str, list[float]]:
    found: dict[str, list[float]] = json.loads(given) if isinstance(given, str) else given  # pyright: ignore[reportAssignmentType]
    return found


def _listed(given: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(given) if isinstance(given, str) else given  # pyright: ignore[reportAssignmentType]
    return found


_SAME = 1e-6
_ANSWERS = "assistant"
_MOST_TURNS = 2_147_483_647
_MINE = "space_id = CAST(:space AS bigint) AND turn = CAST(:turn AS text)"
_BEGIN = """
INSERT INTO echo.judgements (space_id, turn, value, at)
VALUES (CAST(:space AS bigint), CAST(:turn AS text), CAST(:value AS real), CAST(:now AS timestamptz))
ON CONFLICT DO NOTHING RETURNING turn
"""
_HELD = f"""
SELECT value, reason, revision, moved, experience
FROM echo.judgements WHERE {_MINE} FOR UPDATE
"""
_KEEP = f"""
UPDATE echo.judgements SET value = CAST(:value AS real), reason = CAST(:reason AS text),
    revision = CAST(:revision AS integer), moved = CAST(CAST(:moved AS text) AS jsonb),
    experience = COALESCE(CAST(:experience AS uuid), experience),
    conversation = COALESCE(NULLIF(CAST(:conversation AS text), ''), conversation), at = CAST(:now AS timestamptz)
WHERE {_MINE}
"""
_GET = f"SELECT value, reason, experience, conversation FROM echo.judgements WHERE {_MINE}"
_LATEST = """
SELECT value FROM echo.judgements WHERE space_id = CAST(:space AS bigint)
ORDER BY at DESC, turn LIMIT CAST(:limit AS integer)
"""
_LOCK = """
SELECT m.id, m.strength, m.importance FROM echo.memories m
WHERE m.space_id = CAST(:space AS bigint) AND m.id = ANY (CAST(:ids AS uuid[])) AND m.state = 'live'
ORDER BY m.id FOR NO KEY UPDATE
"""
_MOVE = """
UPDATE echo.memories AS m SET strength = g.strength, importance = g.importance
FROM unnest(CAST(:ids AS uuid[]), CAST(:strengths AS real[]), CAST(:importances AS real[]))
    AS g (id, strength, importance)
WHERE m.space_id = CAST(:space AS bigint) AND m.id = g.id
RETURNING m.id, m.strength, m.importance
"""
_EXPERIENCE = """
SELECT feedback, consolidated_at FROM echo.experiences
WHERE space_id = CAST(:space AS bigint) AND id = CAST(:id AS uuid) FOR UPDATE
"""
_TELL = """
UPDATE echo.experiences SET feedback = CAST(:value AS real)
WHERE space_id = CAST(:space AS bigint) AND id = CAST(:id AS uuid)
"""
_CONVERSATION = """
SELECT owner FROM echo.conversations WHERE space_id = CAST(:space AS bigint) AND id = CAST(:name AS text)
"""
# An answer comes with what it answers; where a number is named, of either.
_ANSWER = """
WITH said AS (
    SELECT max(number) AS number FROM echo.turns
    WHERE space_id = CAST(:space AS bigint) AND conversation = CAST(:name AS text) AND request <> ''
        AND role = 'assistant' AND (CAST(:number AS integer) IS NULL OR number IN (
            CAST(:number AS integer), CAST(:number AS integer) + 1
        ))
)
SELECT t.number, t.role, t.content, t.request, t.recalled FROM echo.turns t JOIN said ON true
WHERE t.space_id = CAST(:space AS bigint) AND t.conversation = CAST(:name AS text)
    AND (t.number = said.number OR (t.number = said.number - 1 AND t.role = 'user'))
"""
