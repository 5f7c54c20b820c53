"""/echo/conversations: what was said, and what was recalled for it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from echo.api.room import RoomOf, sent, troubles
from echo.api.shapes import ConversationsTold, ConversationTold, TurnTold, WholeConversationTold
from echo.memory import MemoryState

__all__ = ["router"]

router = APIRouter(prefix="/echo/conversations", tags=["Conversations"], responses=troubles())

_EXCERPT = 240

Name = Annotated[str, Path(min_length=1, max_length=128)]


@router.get("", response_model=ConversationsTold, summary="Conversations, latest first")
async def page(
    room: RoomOf,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(description="`next` of the page before")] = "",
) -> Response:
    """List them without their turns."""
    found = await room.space.conversations(limit=limit, cursor=cursor)
    return sent(
        ConversationsTold(
            conversations=[
                ConversationTold(
                    id=one.id,
                    title=one.title,
                    model=one.model,
                    owner=one.owner,
                    turns=one.turns,
                    started=one.started_at,
                    updated=one.updated_at,
                )
                for one in found.conversations
            ],
            next=found.next or None,
        )
    )


@router.get("/{conversation}", response_model=WholeConversationTold, summary="One conversation with its last turns")
async def read(conversation: Name, room: RoomOf, limit: Annotated[int, Query(ge=1, le=1_000)] = 200) -> Response:
    """Tell what was said, and what was recalled for it and why."""
    one, turns = await room.space.conversation(conversation, limit=limit)
    ids = list(dict.fromkeys(each.id for turn in turns for each in turn.recalled))
    live = await room.space.get(ids[:1_000]) if ids else []
    excerpts = {memory.id: memory.content[:_EXCERPT] for memory in live if memory.state != MemoryState.FORGOTTEN}
    return sent(
        WholeConversationTold(
            id=one.id,
            title=one.title,
            model=one.model,
            owner=one.owner,
            started=one.started_at,
            updated=one.updated_at,
            turns=[TurnTold.of(turn, excerpts) for turn in turns],
        )
    )


@router.delete("/{conversation}", status_code=HTTPStatus.NO_CONTENT, summary="Delete a conversation")
async def drop(conversation: Name, room: RoomOf) -> Response:
    """Delete what was said; memories that were made of it stay."""
    await room.space.drop_conversation(conversation)
    return Response(status_code=HTTPStatus.NO_CONTENT)
