"""/echo/feedback: what somebody says of an answer."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from echo.api.parts import parts_of, principal_of
from echo.api.room import RoomOf, sent, troubles
from echo.api.shapes import FeedbackAsked, FeedbackTold, MovedTold
from echo.mind import Verdict

__all__ = ["router"]

router = APIRouter(prefix="/echo/feedback", tags=["Mind"], responses=troubles())


@router.post("", response_model=FeedbackTold, summary="Say whether an answer was good")
async def judge(asked: FeedbackAsked, room: RoomOf, request: Request) -> Response:
    """Take it from whom the answer was given to: the same again changes nothing, another value takes its place."""
    answer = None
    key = asked.request if asked.request is not None else ""
    if asked.conversation is not None:
        answer = await room.space.answer(asked.conversation, number=asked.turn)
        key = answer.request
    memories = room.memories
    verdict = Verdict(
        key=key,
        value=asked.number,
        by=principal_of(request).name,
        reason=asked.reason,
        conversation=asked.conversation if asked.conversation is not None else "",
        answer=answer,
    )
    done = await memories.mind.judge(room.space, verdict, memories.now())
    if done.changed:
        parts_of(request).metrics.judged(done.value)
        for one in done.memories:
            room.tell("memory", id=str(one.id), what="judged")
        room.tell("state")
        if asked.conversation is not None:
            room.tell("turn", conversation=asked.conversation)
    return sent(
        FeedbackTold(
            request=key,
            value=done.value,
            changed=done.changed,
            memories=[MovedTold(id=one.id, strength=one.strength, importance=one.importance) for one in done.memories],
            patterns=done.patterns,
        )
    )
