"""The memory space that a request to /echo is about, and what such requests answer when something is wrong."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Header, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from echo.api.parts import Parts, parts_of, principal_of
from echo.api.shapes import ErrorTold, FaultTold, ProblemTold
from echo.auth.rates import LimitError
from echo.memory import EchoMemoryError, InvalidInputError, MemorySpace, UnknownSpaceError
from echo.remember.memories import Memories
from echo.remember.rooms import SpaceRefusedError, named_space

__all__ = ["ProblemError", "Room", "RoomOf", "problem", "problem_of", "sent", "troubles"]

_AGAIN_S = 2
_CODES = {
    400: "bad_request",
    403: "not_yours",
    404: "not_found",
    409: "conflict",
    413: "too_large",
    422: "invalid",
    502: "embedder_failed",
    503: "memory_unavailable",
}


class ProblemError(Exception):
    """Why a request to /echo has no answer."""

    def __init__(
        self,
        status: HTTPStatus,
        code: str,
        message: str,
        faults: Sequence[FaultTold] | None = None,
        retry_after: int | None = None,
    ) -> None:
        self.status = status
        self.code = code
        self.faults = faults
        self.retry_after = retry_after
        super().__init__(message)


@dataclass(frozen=True)
class Room:
    """A space and what belongs to it."""

    name: str
    space: MemorySpace
    memories: Memories

    def tell(self, kind: str, /, **fields: Any) -> None:  # noqa: ANN401
        """Tell whoever listens."""
        self.memories.hub.publish(self.name, kind, **fields)


def memories_of(parts: Parts) -> Memories:
    """Return the memories of the service.

    Raises:
        ProblemError: It has none.
    """
    if parts.memories is None:
        text = "this service has no memory; its settings have no section `memory`"
        raise ProblemError(HTTPStatus.NOT_FOUND, "no_memory", text)
    return parts.memories


def space_name_of(parts: Parts, request: Request, named: str | None) -> str:
    """Return the name of the space that a request means.

    Raises:
        ProblemError: It means none, or may not use it.
    """
    try:
        name = named_space(principal_of(request), named)
    except SpaceRefusedError as error:
        raise ProblemError(error.status, error.code, str(error)) from error
    if name is None:
        text = "name a memory space: X-Echo-Space: <name>; or give the key a default one (keys[].space)"
        raise ProblemError(HTTPStatus.BAD_REQUEST, "no_space", text)
    del parts
    return name


async def _room(
    request: Request,
    parts: Annotated[Parts, Depends(parts_of)],
    x_echo_space: Annotated[
        str | None, Header(description="The memory space; the key's own where none is named")
    ] = None,
    space: Annotated[str | None, Query(description="The same, where no header can be sent")] = None,
) -> AsyncGenerator[Room]:
    memories = memories_of(parts)
    name = space_name_of(parts, request, x_echo_space if x_echo_space is not None else space)
    principal = principal_of(request)
    rates = parts.gatehouse.rates
    try:
        rates.begin(principal)
    except LimitError as error:
        parts.metrics.limited.labels(principal.name if principal.name[:5] != "oidc:" else "oidc").inc()
        raise ProblemError(
            HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", str(error), retry_after=error.retry_after
        ) from error
    try:
        yield Room(name, await memories.space(name), memories)
    except UnknownSpaceError:
        # Deleted by somebody else; it is made again with the next request.
        memories.forget_known(name)
        raise
    finally:
        rates.end(principal)


RoomOf = Annotated[Room, Depends(_room)]


def sent(model: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Return an answer; FastAPI would check each value once more."""
    return Response(model.model_dump_json(by_alias=True), status, media_type="application/json")


def problem(error: ProblemError) -> Response:
    """Return an error in the form of /echo."""
    told = ErrorTold(
        error=ProblemTold(
            code=error.code, message=str(error), faults=None if error.faults is None else list(error.faults)
        )
    )
    headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
    body = told.model_dump_json(by_alias=True, exclude_none=True)
    return Response(body, error.status, headers, media_type="application/json")


def problem_of(error: EchoMemoryError) -> ProblemError:
    """Return what an error of the memory is to a client."""
    faults = (
        [FaultTold(where=one.where, problem=one.problem) for one in error.faults]
        if isinstance(error, InvalidInputError)
        else None
    )
    again = _AGAIN_S if error.status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return ProblemError(HTTPStatus(error.status), _CODES.get(error.status, "failed"), str(error), faults, again)


_TEXT = {
    HTTPStatus.BAD_REQUEST: "No space is named, or the body is no JSON",
    HTTPStatus.UNAUTHORIZED: "The key is missing or not good",
    HTTPStatus.FORBIDDEN: "The key may not use this space, or the answer was given to somebody else",
    HTTPStatus.NOT_FOUND: "There is no such thing in this space, or no memory at all",
    HTTPStatus.CONFLICT: "The space is of another embedding model, or a key was used for something else",
    HTTPStatus.REQUEST_TIMEOUT: "The body did not come in time",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too large",
    HTTPStatus.UNPROCESSABLE_ENTITY: "What is asked for cannot be; `faults` names everything that is wrong",
    HTTPStatus.TOO_MANY_REQUESTS: "The key's limit is reached; see Retry-After",
    HTTPStatus.BAD_GATEWAY: "The embedding model failed",
    HTTPStatus.SERVICE_UNAVAILABLE: "The memory store cannot be reached; see Retry-After",
}


def troubles() -> dict[int | str, dict[str, Any]]:
    """Return the description of errors for a path under /echo."""
    return {int(status): {"description": text, "model": ErrorTold} for status, text in _TEXT.items()}
