"""What the faces are made of, and the answer that a route gives when Ollama is to answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from echo.auth.gatehouse import Gatehouse
from echo.auth.principal import Principal
from echo.config.watch import Watcher
from echo.engine.engine import Engine
from echo.engine.metrics import EchoMetrics
from echo.remember.memories import Memories
from replica_agent.paths import dialect_of, error_body

__all__ = ["ErrorText", "Parts", "Relayed", "described", "parts_of", "refused"]


@dataclass(frozen=True)
class Parts:
    """Everything that a route may use."""

    engine: Engine
    gatehouse: Gatehouse
    metrics: EchoMetrics
    watcher: Watcher
    memories: Memories | None = None


class Relayed(Response):
    """The answer of a replica."""

    def __init__(self, engine: Engine, route: str) -> None:
        super().__init__()
        self._engine = engine
        self._route = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Have the engine answer."""
        await self._engine.answer(scope, receive, send, self._route)


def parts_of(request: Request) -> Parts:
    """Return the parts of the service that a request reached."""
    parts: Parts = request.app.state.parts
    return parts


def principal_of(request: Request) -> Principal:
    """Return who asks."""
    found: Principal = request.state.principal
    return found


def refused(path: str, status: HTTPStatus, code: str, message: str, retry_after: int | None = None) -> Response:
    """Return an error in the form that a client of a path reads."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    if status == HTTPStatus.UNAUTHORIZED:
        headers["www-authenticate"] = 'Bearer realm="echo"'
    if path.startswith("/echo/"):
        body = json.dumps({"error": {"code": code, "message": message}}).encode()
    else:
        body = error_body(dialect_of(path.encode()), status, code, message)
    return Response(body, status, headers, media_type="application/json")


ErrorText = {
    HTTPStatus.BAD_REQUEST: "The body is not JSON, or names no model; or Ollama refuses what it says",
    HTTPStatus.UNAUTHORIZED: "The key is missing or not good",
    HTTPStatus.FORBIDDEN: "The key's role does not allow this",
    HTTPStatus.NOT_FOUND: "No server has this model",
    HTTPStatus.METHOD_NOT_ALLOWED: "Another method is asked for",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "The body is too large",
    HTTPStatus.TOO_MANY_REQUESTS: "The key's limit, or that of wrong keys, is reached; see Retry-After",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Ollama failed; its own words",
    HTTPStatus.SERVICE_UNAVAILABLE: "Nothing was free in time, or no replica answers; see Retry-After",
}

_ERROR = {"application/json": {"schema": {"type": "object", "required": ["error"]}}}


def described(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the description of errors for a route."""
    every = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS, *statuses)
    return {int(status): {"description": ErrorText[status], "content": _ERROR} for status in every}


def relayed(fields: dict[str, Any], required: tuple[str, ...], kinds: tuple[str, ...]) -> dict[str, Any]:
    """Return the OpenAPI of a route whose body goes on to Ollama as it came.

    Args:
        fields: property to its schema: those that are read or often used; others pass too.
        required: of these.
        kinds: media types of the answer.
    """
    schema = {"type": "object", "properties": fields, "required": list(required), "additionalProperties": True}
    content = {kind: {"schema": {} if kind != "application/json" else {"type": "object"}} for kind in kinds}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": {"description": "Ollama's own answer", "content": content}},
    }


RELAY_ERRORS = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
