"""The faces: which routes each has, and what stands before them."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from echo.api import admin, care, conversations, feedback, health, memories, minds, ollama, openai, spaces
from echo.api.bodies import bounded
from echo.api.events import EVENTS_PATH, Events, deny
from echo.api.parts import Parts, refused
from echo.api.room import ProblemError, problem, problem_of
from echo.api.shapes import FaultTold
from echo.api.view import View, is_view
from echo.api.ws import Sockets
from echo.auth.gatehouse import Denied, Gatehouse
from echo.memory import EchoMemoryError, StoreUnavailableError

__all__ = ["WS_PATH", "Front", "create_main", "create_ollama"]

WS_PATH = "/ws"

_ABOUT = (
    "Every model of every Ollama server behind one address. Ollama's API and the OpenAI one are passed on as they are, "
    "so clients of either work unchanged."
)


def create_main(parts: Parts) -> FastAPI:
    """Build the whole API."""
    app = _app(parts)
    for router in (health.router, ollama.router, openai.router, admin.router):
        app.include_router(router)
    for router in (memories.router, minds.router, care.router, conversations.router, feedback.router, spaces.router):
        app.include_router(router)
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(EchoMemoryError, _memory_error)
    return app


def create_ollama(parts: Parts) -> FastAPI:
    """Build what an Ollama has."""
    app = _app(parts)
    app.include_router(ollama.router)
    app.include_router(openai.router)
    return app


def _app(parts: Parts) -> FastAPI:
    app = FastAPI(
        title="Echorator",
        version="1",
        description=_ABOUT,
        # Those pages load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        # A path with a slash too many is not found, rather than redirected with its body lost.
        redirect_slashes=False,
    )
    app.state.parts = parts
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    status = HTTPStatus(error.status_code)
    code = status.name.lower()
    if _of_echo(request):
        return problem(ProblemError(status, code, str(error.detail)))
    answer = refused(request.url.path, status, code, f"{request.method} {request.url.path}: {error.detail}")
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    if _of_echo(request):
        status = HTTPStatus.UNPROCESSABLE_ENTITY
        found = [FaultTold(where=".".join(map(str, one["loc"])), problem=str(one["msg"])) for one in error.errors()]
        return problem(ProblemError(status, "invalid", f"{len(found)} fault(s)", found))
    # What was sent is not repeated: it may be a prompt.
    faults = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors())
    return refused(request.url.path, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid", faults)


async def _problem(_request: Request, error: Exception) -> Response:
    if not isinstance(error, ProblemError):
        raise error
    return problem(error)


async def _memory_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, EchoMemoryError):
        raise error
    parts: Parts = request.app.state.parts
    if parts.memories is not None and isinstance(error, StoreUnavailableError):
        parts.memories.rest(error)
    return problem(problem_of(error))


def _of_echo(request: Request) -> bool:
    return request.url.path.startswith("/echo/")


class Front:
    """Stands before a face: asks the gatehouse, and hands WebSockets to those who serve them.

    The live view's files are for everybody: a browser asks for them before anybody can type a key.
    """

    def __init__(
        self,
        app: ASGIApp,
        parts: Parts,
        sockets: Sockets | None = None,
        events: Events | None = None,
        view: View | None = None,
    ) -> None:
        gatehouse: Gatehouse = parts.gatehouse
        self._app = app
        self._engine = parts.engine
        self._events = events
        self._gatehouse = gatehouse
        self._sockets = sockets
        self._view = view

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or connection."""
        if self._view is not None and scope["type"] == "http" and is_view(str(scope["path"])):
            await self._view(scope, receive, send)
            return
        try:
            principal = await self._gatehouse.admit(scope)
        except Denied as error:
            await self._deny(error, scope, receive, send)
            return
        state: dict[str, Any] = scope.setdefault("state", {})
        if principal is not None:
            state["principal"] = principal
        if scope["type"] != "websocket":
            path = str(scope["path"])
            if path.startswith("/echo"):
                receive = bounded(scope, receive, self._engine.config.limits)
            await self._app(scope, receive, send)
        elif self._events is not None and scope["path"] == EVENTS_PATH:
            await self._events.serve(scope, receive, send)
        elif self._sockets is not None and scope["path"] == WS_PATH:
            await self._sockets.serve(scope, receive, send)
        else:
            await deny(HTTPStatus.NOT_FOUND, send)

    async def _deny(self, error: Denied, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await deny(error.status, send)
            return
        answer = refused(str(scope["path"]), error.status, error.code, str(error), error.retry_after)
        # Its body, if it has one, is not read.
        answer.headers["connection"] = "close"
        await answer(scope, receive, send)
