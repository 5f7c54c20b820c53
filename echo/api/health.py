"""The health of the service, on the four paths of the mission. Open to all, so they say little."""

from __future__ import annotations

import time
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from starlette.responses import Response

from echo.api.parts import Parts, parts_of

__all__ = ["router"]

_PATIENCE_S = 30.0

router = APIRouter(tags=["Health"])

_UNAVAILABLE: dict[int | str, dict[str, Any]] = {503: {"description": "Not so; says why"}}

Use = Annotated[Parts, Depends(parts_of)]


@router.get("/health", summary="Liveness: this process answers")
async def health() -> dict[str, str]:
    """Say so."""
    return {"status": "ok"}


@router.get("/models/health", responses=_UNAVAILABLE, summary="Readiness: models can be asked here")
async def models_health(parts: Use) -> Response:
    """Ready while the service takes requests and reaches a replica, or there is none to reach.

    A short outage of all replicas is told to clients by 503 and Retry-After, which says more than no endpoint would; a
    long one may be this pod's own network, and then its siblings are to have its share.
    """
    fleet = parts.engine.fleet
    replicas = list(fleet)
    found = {"replicas": len(replicas), "up": sum(one.up for one in replicas), "models": len(fleet.catalogue())}
    if parts.engine.drain.draining:
        return _not("draining", found)
    alone = fleet.alone_since
    if replicas and alone is not None and time.monotonic() - alone > _PATIENCE_S:
        return _not("no replica answers", found)
    return JSONResponse({"status": "ok", **found})


@router.get("/api/health", responses=_UNAVAILABLE, summary="Startup: every server was looked at once")
async def api_health(parts: Use) -> Response:
    """Started once the fleet is known."""
    if not parts.engine.fleet.looked:
        return _not("the servers have not been looked at yet", {})
    return JSONResponse({"status": "ok"})


@router.get("/dte/health", summary="Coherence of the memory layer")
async def dte_health(parts: Use) -> dict[str, Any]:
    """Tell the mean and the least coherence of the spaces that this replica measured, and how many they are.

    As they were measured last, while learning: so this never waits for the database. No number is made up, and no
    space is named. `events` is `shared` where listeners hear of every replica of the service, `local` where no Redis is
    set, and `lost` while it cannot be reached.
    """
    memories = parts.memories
    if memories is None:
        return {"status": "no memory", "coherence": None, "events": None}
    found = memories.coherence
    return {
        "status": "ok" if memories.up else "memory unavailable",
        "coherence": sum(found) / len(found) if found else None,
        "least": min(found, default=None),
        "spaces": len(found),
        "events": memories.relay.state,
    }


def _not(why: str, found: dict[str, int]) -> Response:
    return JSONResponse({"status": why, **found}, HTTPStatus.SERVICE_UNAVAILABLE)
