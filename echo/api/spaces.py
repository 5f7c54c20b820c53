"""/echo/spaces: which memory spaces whoever asks may use."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from echo.api.parts import Parts, parts_of, principal_of
from echo.api.room import memories_of, sent, troubles
from echo.api.shapes import SpacesTold

__all__ = ["router"]

_USED = (401, 404)

router = APIRouter(
    prefix="/echo/spaces",
    tags=["Memories"],
    responses={status: told for status, told in troubles().items() if status in _USED},
)


@router.get("", response_model=SpacesTold, summary="The memory spaces that this key or token may use")
async def spaces(request: Request, parts: Annotated[Parts, Depends(parts_of)]) -> Response:
    """Name them, whether or not there is anything in them yet."""
    memories_of(parts)
    principal = principal_of(request)
    return sent(SpacesTold(spaces=sorted(principal.spaces), default=principal.space))
