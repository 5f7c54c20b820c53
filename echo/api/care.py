"""/echo/consolidate and /echo/forget: what a mind does while it sleeps, on demand and with a preview."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from echo.api.room import Room, RoomOf, sent, troubles
from echo.api.shapes import ConsolidateAsked, ConsolidateTold, ForgetAsked, ForgetTold, ForgottenTold, PairTold
from echo.memory import MemoryState, PageRequest

__all__ = ["router"]

router = APIRouter(prefix="/echo", tags=["Care"], responses=troubles())

_AT_ONCE = 1_000
_PAGE = 200


@router.post("/consolidate", response_model=ConsolidateTold, summary="Promote, merge, link, resolve, learn")
async def consolidate(asked: ConsolidateAsked, room: RoomOf) -> Response:
    """Do it, or with `dryRun` (which is meant where nothing is said) tell what it would do."""
    report = await room.space.consolidate(dry_run=asked.dry_run)
    if not asked.dry_run:
        await room.space.index_fresh()
        room.tell("consolidated", merged=len(report.merged), moved=sum(report.promoted.values()))
    return sent(
        ConsolidateTold(
            dry_run=report.dry_run,
            examined=report.examined,
            moved=dict(report.promoted),
            merged=len(report.merged),
            linked=report.linked,
            patterns=report.patterns_created + report.patterns_reinforced,
            contradictions=[PairTold(older=old, newer=new) for old, new in report.contradictions],
        )
    )


@router.post("/forget", response_model=ForgetTold, summary="Forget these, what fits, or what has faded")
async def forget(asked: ForgetAsked, room: RoomOf) -> Response:
    """Forget at most 1,000 memories, or with `dryRun` (which is meant where nothing is said) tell which.

    What is forgotten can be restored until it is purged; with `hard` it is purged at once.
    """
    if asked.ids is not None:
        live = [one for one in await room.space.get(asked.ids) if one.state is MemoryState.LIVE]
        found, more = [(one.id, "named") for one in live], False
    elif asked.older_than is not None or asked.kinds or asked.tags:
        found, more = await _fitting(asked, room)
    else:
        report = await room.space.forget(dry_run=True, limit=_AT_ONCE)
        found, more = [(one.id, one.reason) for one in report.faded], len(report.faded) >= _AT_ONCE
    if not asked.dry_run and found:
        await _forget(room, found, hard=asked.hard)
        room.tell("forgotten", number=len(found), hard=asked.hard)
    return sent(
        ForgetTold(dry_run=asked.dry_run, forgotten=[ForgottenTold(id=one, why=why) for one, why in found], more=more)
    )


async def _forget(room: Room, found: list[tuple[UUID, str]], *, hard: bool) -> None:
    by_reason: dict[str, list[UUID]] = {}
    for one, why in found:
        # The log takes short reasons; those of fading have their numbers first.
        by_reason.setdefault(why[:128], []).append(one)
    for why, ids in by_reason.items():
        if hard:
            await room.space.purge(ids, reason=why)
        else:
            await room.space.forget_these(ids, reason=why)


async def _fitting(asked: ForgetAsked, room: Room) -> tuple[list[tuple[UUID, str]], bool]:
    said = [
        *([f"older than {asked.older_than.isoformat()}"] if asked.older_than is not None else []),
        *([f"of the kind {' or '.join(dict.fromkeys(asked.kinds))}"] if asked.kinds else []),
        *([f"tagged {' and '.join(asked.tags)}"] if asked.tags else []),
    ]
    why = f"asked for: {', '.join(said)}"[:128]
    found: list[tuple[UUID, str]] = []
    cursor = ""
    while len(found) < _AT_ONCE:
        page = await room.space.page(
            PageRequest(
                kinds=list(dict.fromkeys(asked.kinds)),
                tags=asked.tags,
                until=asked.older_than,
                limit=_PAGE,
                cursor=cursor,
            )
        )
        found += [(one.id, why) for one in page.memories]
        cursor = page.next
        if not cursor:
            break
    return found, bool(cursor)
