"""Bounds on bodies that the framework reads whole."""

from __future__ import annotations

import asyncio
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import Message, Receive, Scope

from echo.config.model import LimitsConfig
from replica_agent.headers import declared_length

__all__ = ["bounded"]


def bounded(scope: Scope, receive: Receive, limits: LimitsConfig) -> Receive:
    """Return a `receive` that refuses a body which is too large or too slow."""
    size = 0
    whole = False
    end = asyncio.get_running_loop().time() + limits.body_seconds

    async def take() -> Message:
        nonlocal size, whole
        if whole:
            return await receive()
        if declared_length(scope) > limits.max_request_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _text(limits))
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError as error:
            text = f"the request was not whole within {limits.body_seconds:g} s"
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT, text) from error
        size += len(message.get("body", b""))
        if size > limits.max_request_bytes:
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, _text(limits))
        whole = not message.get("more_body", False)
        return message

    return take


def _text(limits: LimitsConfig) -> str:
    return f"the request's body is larger than {limits.max_request_bytes} bytes"
