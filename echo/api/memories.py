"""/echo/memories: what a space remembers."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing, closing
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from echo.api.room import ProblemError, Room, RoomOf, sent, troubles
from echo.api.shapes import (
    HitsTold,
    HitTold,
    ImportTold,
    MemoriesTold,
    MemoryAsked,
    MemoryChanged,
    MemoryTold,
    SearchAsked,
)
from echo.memory import Filter, MemoryKind, MemorySpace, NewMemory, PageRequest, Revision
from echo.memory import Query as MemoryQuery
from echo.remember.hub import FullError
from echo.remember.places import Place

__all__ = ["router"]

router = APIRouter(prefix="/echo/memories", tags=["Memory"], responses=troubles())

_LINES = "application/x-ndjson"
_LONGEST_LINE = 4 << 20
_AGAIN_S = 10


@router.post("", status_code=HTTPStatus.CREATED, response_model=MemoryTold, summary="Remember something")
async def create(asked: MemoryAsked, room: RoomOf) -> Response:
    """Store a memory; the same idempotency key brings the same one, however often it is sent."""
    felt = asked.emotion
    [encoded] = await room.space.encode(
        [
            NewMemory(
                content=asked.content,
                kind=asked.kind,
                context=asked.context,
                importance=asked.importance,
                valence=felt.valence,
                arousal=felt.arousal,
                dominance=felt.dominance,
                complexity=felt.complexity,
                occurred_at=asked.at,
                source=asked.source,
                session=asked.session,
                tags=asked.tags,
                metadata=asked.metadata,
                idempotency_key=asked.idempotency_key,
            )
        ]
    )
    if encoded.created:
        room.tell("memory", id=str(encoded.id), kind=str(asked.kind), what="created")
    return sent(await _one(room, encoded.id), HTTPStatus.CREATED)


@router.get("", response_model=MemoriesTold, summary="Live memories, latest first")
async def page(
    room: RoomOf,
    *,
    kind: Annotated[list[MemoryKind], Query()] = [],  # noqa: B006 - FastAPI copies it
    tag: Annotated[list[str], Query(description="All of these")] = [],  # noqa: B006
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    q: Annotated[str, Query(description="Letters that the content holds")] = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str, Query(description="`next` of the page before")] = "",
) -> Response:
    """List them."""
    found = await room.space.page(
        PageRequest(kinds=kind[:4], tags=tag, since=since, until=until, contains=q, limit=limit, cursor=cursor)
    )
    return sent(MemoriesTold(memories=[MemoryTold.of(one) for one in found.memories], next=found.next or None))


@router.post("/search", response_model=HitsTold, summary="Find memories by meaning, words and association")
async def search(asked: SearchAsked, room: RoomOf) -> Response:
    """Find them, best first, each with why. It counts as no access."""
    where = Filter(kinds=list(dict.fromkeys(asked.kinds)), tags=asked.tags, since=asked.since, until=asked.until)
    found = await room.space.retrieve(MemoryQuery(text=asked.query, limit=asked.limit, where=where, touch=False))
    return sent(HitsTold(hits=[HitTold.of(hit) for hit in found.hits]))


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"description": "A line of JSON each", "content": {_LINES: {"schema": {"type": "string"}}}}},
    summary="The whole space as lines of JSON",
)
async def export(room: RoomOf) -> Response:
    """Everything as it was at one moment."""
    try:
        place = room.memories.exports.take()
    except FullError as error:
        text = "as many exports run as may at once; try again"
        raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "busy", text, retry_after=_AGAIN_S) from error
    lines = _written(room.space, place)
    try:
        # Asked for before the status goes out, so that a store that is gone is an error and no empty file.
        first = await anext(lines)
    except BaseException:
        place.close()
        raise
    return StreamingResponse(_begun(first, lines), media_type=_LINES)


@router.post(
    "/import",
    response_model=ImportTold,
    openapi_extra={"requestBody": {"required": True, "content": {_LINES: {"schema": {"type": "string"}}}}},
    summary="Take in what an export wrote",
)
async def take_in(request: Request, room: RoomOf) -> Response:
    """Take it in; what is there already, by its id, is left as it is."""
    report = await room.space.import_lines(_lines(request))
    room.tell("memory", what="imported", number=report.memories)
    return sent(
        ImportTold(
            memories=report.memories,
            skipped=report.skipped,
            associations=report.associations,
            patterns=report.patterns,
            experiences=report.experiences,
            snapshots=report.snapshots,
        )
    )


@router.get("/{memory}", response_model=MemoryTold, summary="One memory, whatever its state")
async def read(memory: UUID, room: RoomOf) -> Response:
    """Tell it."""
    return sent(await _one(room, memory))


@router.patch("/{memory}", response_model=MemoryTold, summary="Change a live memory")
async def change(memory: UUID, asked: MemoryChanged, room: RoomOf) -> Response:
    """Change it in its place; new content gets a new vector."""
    felt = asked.emotion
    values: dict[str, Any] = {} if felt is None else felt.model_dump()
    await room.space.revise(
        memory,
        Revision(
            content=asked.content,
            kind=asked.kind,
            importance=asked.importance,
            tags=asked.tags,
            source=asked.source,
            occurred_at=asked.at,
            metadata=asked.metadata,
            **values,
        ),
    )
    room.tell("memory", id=str(memory), what="changed")
    return sent(await _one(room, memory))


@router.post("/{memory}/restore", response_model=MemoryTold, summary="Bring a forgotten memory back")
async def restore(memory: UUID, room: RoomOf) -> Response:
    """Bring it back; one that is not forgotten stays as it is."""
    if await room.space.restore([memory]):
        room.tell("memory", id=str(memory), what="restored")
    return sent(await _one(room, memory))


@router.delete("/{memory}", status_code=HTTPStatus.NO_CONTENT, summary="Delete a memory for good")
async def delete(memory: UUID, room: RoomOf) -> Response:
    """Delete it with what was made from it. See /echo/forget for what can be taken back."""
    await room.space.purge([memory], reason="deleted by a request")
    room.tell("memory", id=str(memory), what="deleted")
    return Response(status_code=HTTPStatus.NO_CONTENT)


async def _one(room: Room, memory: UUID) -> MemoryTold:
    found = await room.space.get([memory])
    if not found:
        raise ProblemError(HTTPStatus.NOT_FOUND, "not_found", f"the space holds no memory {memory}")
    return MemoryTold.of(found[0])


async def _written(space: MemorySpace, place: Place) -> AsyncGenerator[str]:
    with closing(place):
        async for line in space.export():
            yield line + "\n"


async def _begun(first: str, lines: AsyncGenerator[str]) -> AsyncGenerator[str]:
    async with aclosing(lines):
        yield first
        async for line in lines:
            yield line


async def _lines(request: Request) -> AsyncGenerator[str]:
    rest = bytearray()
    async for piece in request.stream():
        rest += piece
        *whole, last = bytes(rest).split(b"\n")
        rest[:] = last
        if len(rest) > _LONGEST_LINE:
            raise ProblemError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", f"a line is longer than {_LONGEST_LINE} bytes"
            )
        for line in whole:
            if line.strip():
                yield line.decode("utf-8", "replace")
    if rest.strip():
        yield rest.decode("utf-8", "replace")
