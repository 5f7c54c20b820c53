"""What an operator sees and does. Never open, whatever the settings say."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException
from starlette.requests import Request

from echo.api.parts import Parts, described, parts_of, principal_of

__all__ = ["router"]


def _operator(request: Request) -> None:
    """Ask for the role once more, so that no other way in is one.

    Raises:
        HTTPException: Whoever asks is no operator.
    """
    if "operator" not in principal_of(request).roles:
        raise HTTPException(HTTPStatus.FORBIDDEN, "for the role operator")


router = APIRouter(prefix="/admin", tags=["Admin"], dependencies=[Depends(_operator)], responses=described())

Use = Annotated[Parts, Depends(parts_of)]


@router.get("/replicas", summary="Every replica, what it has and how busy it is")
async def replicas(parts: Use) -> dict[str, Any]:
    """Tell what routing knows."""
    engine = parts.engine
    return {
        "waiting": engine.dispatcher.waiting,
        "replicas": [
            {
                "server": one.server,
                "name": one.name,
                "up": one.up,
                "leaving": one.leaving,
                "version": one.version,
                "slots": one.slots,
                "running": one.own,
                "others": one.others,
                "models": [{"name": model.name, "digest": model.digest} for model in one.models.values()],
            }
            for one in engine.fleet
        ],
    }


@router.get("/config", summary="The settings that hold")
async def config(parts: Use) -> dict[str, Any]:
    """Tell them; they hold no secret."""
    watcher = parts.watcher
    return {
        "config": watcher.current.model_dump(mode="json", by_alias=True),
        "loads": watcher.loads,
        "refusals": watcher.refusals,
        "problem": watcher.problem,
    }


@router.post("/config/reload", summary="Read the settings and keys now")
async def reload(parts: Use) -> dict[str, Any]:
    """Read them; what is wrong is told and left out."""
    good = parts.watcher.load()
    return {"applied": good, "problem": parts.watcher.problem}


@router.get("/keys", summary="Who has a key")
async def keys(parts: Use) -> dict[str, Any]:
    """Tell names and roles; neither keys nor their hashes."""
    return {
        "keys": [
            {
                "name": one.name,
                "roles": sorted(one.roles),
                "requestsPerMinute": one.requests_per_minute,
                "concurrent": one.concurrent,
                "spaces": sorted(one.spaces),
                "space": one.space,
            }
            for one in parts.gatehouse.keys.principals
        ]
    }
