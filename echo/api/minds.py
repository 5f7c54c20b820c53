"""/echo/graph, patterns, state, self, goals: what the mind of a space is like."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.responses import Response

from echo.api.room import RoomOf, sent, troubles
from echo.api.shapes import (
    EdgeTold,
    GoalAsked,
    GoalChanged,
    GoalsTold,
    GoalTold,
    GraphTold,
    HistoryTold,
    NodeTold,
    PatternsTold,
    PatternTold,
    SelfTold,
    StateTold,
)
from echo.memory import AssociationKind, Goal, GoalState, MemoryKind, OverviewRequest, PatternKind, PatternTier

__all__ = ["router"]

router = APIRouter(prefix="/echo", tags=["Mind"], responses=troubles())


@router.get("/graph", response_model=GraphTold, summary="A part of the memory graph")
async def graph(
    room: RoomOf,
    *,
    q: Annotated[str, Query(max_length=4_096, description="Begin at what these words find")] = "",
    center: Annotated[UUID | None, Query(description="Begin at this memory")] = None,
    depth: Annotated[int, Query(ge=0, le=6, description="Hops from there")] = 1,
    kinds: Annotated[list[MemoryKind], Query()] = [],  # noqa: B006 - FastAPI copies it
    types: Annotated[list[AssociationKind], Query()] = [],  # noqa: B006
    until: Annotated[AwareDatetime | None, Query(description="As it was then")] = None,
    limit: Annotated[int, Query(ge=1, le=5_000)] = 500,
) -> Response:
    """Tell nodes and the edges between them; without a beginning, the most important memories."""
    found = await room.space.overview(
        OverviewRequest(
            words=q,
            center=center,
            depth=depth,
            kinds=list(dict.fromkeys(kinds)),
            types=list(dict.fromkeys(types)),
            until=until,
            limit=limit,
        )
    )
    return sent(
        GraphTold(
            nodes=[
                NodeTold(
                    id=one.id,
                    kind=one.kind,
                    label=one.label,
                    importance=one.importance,
                    strength=one.strength,
                    valence=one.valence,
                    arousal=one.arousal,
                    created=one.created,
                    tier=one.tier,
                )
                for one in found.nodes
            ],
            edges=[
                EdgeTold(source=one.source, target=one.target, type=one.kind, weight=one.weight, created=one.created)
                for one in found.edges
            ],
            truncated=found.truncated,
        )
    )


@router.get("/patterns", response_model=PatternsTold, summary="What was found to be regular, strongest first")
async def patterns(
    room: RoomOf,
    type: Annotated[PatternKind | None, Query()] = None,  # noqa: A002 - its name in the API
    tier: Annotated[PatternTier | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Response:
    """List them; a tier is picked out of the 1,000 strongest."""
    found = await room.space.patterns(kind=type, limit=1_000 if tier is not None else limit)
    return sent(
        PatternsTold(
            patterns=[
                PatternTold(
                    id=one.id,
                    type=one.kind,
                    tier=one.tier,
                    label=one.signature,
                    strength=one.strength,
                    frequency=one.frequency,
                    confidence=one.confidence,
                    updated=one.last_seen,
                )
                for one in found
                if tier is None or one.tier == tier
            ][:limit]
        )
    )


@router.get("/state", response_model=StateTold, summary="What the mind is like now")
async def state(room: RoomOf) -> Response:
    """Tell it; null is what is not measured."""
    memories = room.memories
    return sent(StateTold.of(await memories.mind.state(room.space, memories.now())))


@router.get("/state/history", response_model=HistoryTold, summary="What it was like")
async def history(
    room: RoomOf,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    points: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> Response:
    """Tell states over time, oldest first, evenly thinned to so many."""
    found = await room.memories.mind.history(room.space, since=since, until=until, points=points)
    return sent(HistoryTold(points=[StateTold.of(one) for one in found]))


@router.get("/self", response_model=SelfTold, summary="What it takes itself to be")
async def self_image(room: RoomOf) -> Response:
    """Tell it in four layers, with the memories that speak for each claim."""
    return sent(SelfTold.of(await room.memories.mind.self_image(room.space, room.memories.now())))


@router.get("/goals", response_model=GoalsTold, summary="Goals, the most important first")
async def goals(room: RoomOf, state: Annotated[GoalState | None, Query()] = None) -> Response:
    """List them."""
    return sent(GoalsTold(goals=[_goal(one) for one in await room.space.goals(state=state)]))


@router.post("/goals", status_code=HTTPStatus.CREATED, response_model=GoalTold, summary="Set a goal")
async def add_goal(asked: GoalAsked, room: RoomOf) -> Response:
    """Set it."""
    made = await room.space.add_goal(asked.text, priority=asked.priority, progress=asked.progress)
    room.tell("goal", id=str(made.id), what="created")
    return sent(_goal(made), HTTPStatus.CREATED)


@router.get("/goals/{goal}", response_model=GoalTold, summary="One goal")
async def goal(goal: UUID, room: RoomOf) -> Response:
    """Tell it."""
    return sent(_goal(await room.space.goal(goal)))


@router.patch("/goals/{goal}", response_model=GoalTold, summary="Change a goal")
async def change_goal(goal: UUID, asked: GoalChanged, room: RoomOf) -> Response:
    """Change it; what is left out stays."""
    found = await room.space.change_goal(
        goal, text=asked.text, priority=asked.priority, progress=asked.progress, state=asked.state
    )
    room.tell("goal", id=str(goal), what="changed")
    return sent(_goal(found))


@router.delete("/goals/{goal}", status_code=HTTPStatus.NO_CONTENT, summary="Delete a goal")
async def drop_goal(goal: UUID, room: RoomOf) -> Response:
    """Delete it."""
    await room.space.drop_goal(goal)
    room.tell("goal", id=str(goal), what="deleted")
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _goal(one: Goal) -> GoalTold:
    return GoalTold(
        id=one.id,
        text=one.text,
        priority=one.priority,
        progress=one.progress,
        state=one.state,
        created=one.created_at,
        updated=one.updated_at,
    )
