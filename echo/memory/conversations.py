"""Conversations of a space: their turns, and what was recalled for each."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from echo.memory import cursors, database
from echo.memory.context import Context
from echo.memory.errors import ForeignConversationError, UnknownConversationError
from echo.memory.life import Conversation, ConversationPage, NewTurn, Recalled, Turn

_TITLE = 80
_ROLE_CHARACTERS = 32


async def add_turns(context: Context, name: str, model: str, owner: str, turns: Iterable[NewTurn]) -> Conversation:
    """Add what was said; the first turn begins the conversation."""
    checker = context.checker()
    checker.label("conversation", name, empty=False)
    checker.label("model", model)
    checker.label("owner", owner)
    given: list[NewTurn] = checker.many("turns", turns, NewTurn)
    for i, one in enumerate(given):
        checker.text(f"turns[{i}].content", one.content, most_bytes=context.limits.content_bytes)
        checker.text(f"turns[{i}].role", one.role, most_bytes=_ROLE_CHARACTERS, empty=False)
        checker.label(f"turns[{i}].request", one.request)
        checker.moment(f"turns[{i}].at", one.at)
    checker.done()
    now = context.clock()
    title = " ".join(given[0].content.split())[:_TITLE] if given else ""
    async with context.transaction() as (connection, row):
        # The row is locked by this, so that two turns at once get numbers of their own.
        found = await database.one(
            connection, _GROW, space=row.id, name=name, title=title, model=model, owner=owner, now=now,
            more=len(given),
        )  # fmt: skip
        if found is None:
            raise ForeignConversationError(name)
        await database.run(
            connection, _ADD, space=row.id, name=name,
            numbers=list(range(found.turns - len(given) + 1, found.turns + 1)),
            roles=[one.role for one in given], contents=[one.content for one in given], ats=[one.at for one in given],
            recalled=[json.dumps([_plain(each) for each in one.recalled]) for one in given],
            requests=[one.request for one in given],
        )  # fmt: skip
    return _conversation(found)


async def page(context: Context, limit: int, cursor: str) -> ConversationPage:
    """Conversations, the latest first."""
    checker = context.checker()
    checker.whole("limit", limit, 1, context.limits.results)
    place = cursors.read(checker, cursor)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.rows(
            connection, _PAGE, space=row.id, limit=limit + 1, place=None if place is None else place[0],
            last=None if place is None else place[1],
        )  # fmt: skip
    some = tuple(_conversation(one) for one in found[:limit])
    more = len(found) > limit
    return ConversationPage(conversations=some, next=cursors.write(some[-1].updated_at, some[-1].id) if more else "")


async def conversation(context: Context, name: str, limit: int) -> tuple[Conversation, list[Turn]]:
    """A conversation with its last turns, in their order."""
    checker = context.checker()
    checker.label("conversation", name, empty=False)
    checker.whole("limit", limit, 1, context.limits.batch)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.one(connection, _GET, space=row.id, name=name)
        if found is None:
            raise UnknownConversationError(name)
        turns = await database.rows(connection, _TURNS, space=row.id, name=name, limit=limit)
    return _conversation(found), [_turn(one) for one in reversed(turns)]


async def drop(context: Context, name: str) -> None:
    """Delete a conversation with its turns; the memories that were made of it stay."""
    checker = context.checker()
    checker.label("conversation", name, empty=False)
    checker.done()
    async with context.transaction() as (connection, row):
        found = await database.one(connection, _DROP, space=row.id, name=name)
        await database.run(connection, _DROP_JUDGEMENTS, space=row.id, name=name)
    if found is None:
        raise UnknownConversationError(name)


def _plain(recalled: Recalled) -> dict[str, Any]:
    return {"id": str(recalled.id), "score": recalled.score, "why": list(recalled.why)}


def _conversation(row: Any) -> Conversation:
    return Conversation(
        id=row.id, title=row.title, model=row.model, owner=row.owner, turns=row.turns, started_at=row.started_at,
        updated_at=row.updated_at,
    )  # fmt: skip


def _turn(row: Any) -> Turn:
    given: list[dict[str, Any]] = json.loads(row.recalled) if isinstance(row.recalled, str) else row.recalled
    return Turn(
        number=row.number, role=row.role, content=row.content, at=row.at, request=row.request, judged=row.judged,
        recalled=tuple(
            Recalled(id=UUID(one["id"]), score=float(one["score"]), why=tuple(one["why"])) for one in given
        ),
    )  # fmt: skip


_COLUMNS = "id, title, model, owner, turns, started_at, updated_at"
_MINE = "space_id = CAST(:space AS bigint) AND id = CAST(:name AS text)"
_GROW = f"""
INSERT INTO echo.conversations AS c (space_id, {_COLUMNS})
VALUES (CAST(:space AS bigint), CAST(:name AS text), CAST(:title AS text), CAST(:model AS text), CAST(:owner AS text),
    CAST(:more AS integer), CAST(:now AS timestamptz), CAST(:now AS timestamptz))
ON CONFLICT (space_id, id) DO UPDATE SET turns = c.turns + excluded.turns, updated_at = excluded.updated_at,
    model = excluded.model
    WHERE c.owner = excluded.owner
RETURNING {_COLUMNS}
"""
_ADD = """
INSERT INTO echo.turns (space_id, conversation, number, role, content, at, recalled, request)
SELECT CAST(:space AS bigint), CAST(:name AS text), g.number, g.role, g.content, g.at, CAST(g.recalled AS jsonb),
    g.request
FROM unnest(CAST(:numbers AS integer[]), CAST(:roles AS text[]), CAST(:contents AS text[]), CAST(:ats AS timestamptz[]),
    CAST(:recalled AS text[]), CAST(:requests AS text[])) AS g (number, role, content, at, recalled, request)
"""
_PAGE = f"""
SELECT {_COLUMNS} FROM echo.conversations
WHERE space_id = CAST(:space AS bigint)
    AND (CAST(:place AS timestamptz) IS NULL OR updated_at < CAST(:place AS timestamptz)
        OR (updated_at = CAST(:place AS timestamptz) AND id > CAST(:last AS text)))
ORDER BY updated_at DESC, id LIMIT CAST(:limit AS integer)
"""
_GET = f"SELECT {_COLUMNS} FROM echo.conversations WHERE {_MINE}"
_TURNS = """
SELECT t.number, t.role, t.content, t.at, t.recalled, t.request, j.value AS judged FROM echo.turns t
LEFT JOIN echo.judgements j ON j.space_id = t.space_id AND j.turn = t.request AND t.role = 'assistant'
WHERE t.space_id = CAST(:space AS bigint) AND t.conversation = CAST(:name AS text)
ORDER BY t.number DESC LIMIT CAST(:limit AS integer)
"""
_DROP = f"DELETE FROM echo.conversations WHERE {_MINE} RETURNING id"
# Of turns that were learned from, it stays with the experience.
_DROP_JUDGEMENTS = """
DELETE FROM echo.judgements
WHERE space_id = CAST(:space AS bigint) AND conversation = CAST(:name AS text) AND experience IS NULL
"""
