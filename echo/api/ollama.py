"""Ollama's API: inference goes to a replica as it came; what is there is told of all replicas together."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, Any, cast

import aiohttp
from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse, PlainTextResponse
from starlette.requests import Request
from starlette.responses import Response

from echo.api.parts import RELAY_ERRORS, Parts, Relayed, described, parts_of, refused, relayed
from echo.engine.fleet import Replica
from echo.engine.upstream import Asked, ReplicaError, next_piece

__all__ = ["router"]

router = APIRouter(tags=["Ollama"])

_STREAMED = ("application/x-ndjson", "application/json")
_MODEL = {"model": {"type": "string"}}
_COMMON = {
    **_MODEL,
    "stream": {"type": "boolean"},
    "options": {"type": "object"},
    "format": {},
    "keep_alive": {},
    "think": {},
}
_MESSAGES = {"messages": {"type": "array", "items": {"type": "object"}}, "tools": {"type": "array"}}
_MANAGED = ("pull", "push", "create", "copy", "delete")
_ASK = described(*RELAY_ERRORS)
_LARGEST = 4 << 20
_PATIENCE_S = 5

Use = Annotated[Parts, Depends(parts_of)]


@router.get("/", response_class=PlainTextResponse, summary="Greeting")
@router.head("/", include_in_schema=False)
async def greet() -> Response:
    """Answer as an Ollama does, by which clients know that one is there."""
    return PlainTextResponse("Ollama is running")


@router.post("/api/chat", response_class=Response, responses=_ASK, summary="The next message of a chat",
             openapi_extra=relayed({**_COMMON, **_MESSAGES}, ("model",), _STREAMED))  # fmt: skip
async def chat(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/api/chat")


@router.post("/api/generate", response_class=Response, responses=_ASK, summary="A completion",
             openapi_extra=relayed({**_COMMON, "prompt": {"type": "string"}, "system": {"type": "string"},
                                    "images": {"type": "array", "items": {"type": "string"}}},
                                   ("model",), _STREAMED))  # fmt: skip
async def generate(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/api/generate")


@router.post("/api/embed", response_class=Response, responses=_ASK, summary="Embeddings of texts",
             openapi_extra=relayed({**_MODEL, "input": {}, "truncate": {"type": "boolean"}},
                                   ("model",), ("application/json",)))  # fmt: skip
async def embed(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/api/embed")


@router.post("/api/embeddings", response_class=Response, responses=_ASK, summary="Embedding of one text (old)",
             openapi_extra=relayed({**_MODEL, "prompt": {"type": "string"}},
                                   ("model",), ("application/json",)))  # fmt: skip
async def embeddings(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/api/embeddings")


@router.post("/api/show", response_class=Response, responses=_ASK, summary="What a model is",
             openapi_extra=relayed({**_MODEL, "verbose": {"type": "boolean"}},
                                   ("model",), ("application/json",)))  # fmt: skip
async def show(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/api/show")


@router.get("/api/tags", responses=described(), summary="Every model of every server")
@router.head("/api/tags", include_in_schema=False)
async def tags(parts: Use) -> dict[str, Any]:
    """List each model once."""
    return {"models": [listed.entry for listed in parts.engine.fleet.catalogue().values()]}


@router.get("/api/ps", responses=described(), summary="Models in memory, on every replica")
@router.head("/api/ps", include_in_schema=False)
async def ps(parts: Use) -> dict[str, Any]:
    """Ask each replica; of a model that several have in memory, the entry that stays longest is told."""
    replicas = [one for one in parts.engine.fleet if one.up]
    found: dict[str, Mapping[str, Any]] = {}
    for running in await asyncio.gather(*(_running(parts, one) for one in replicas)):
        for entry in running:
            name = str(entry.get("name", ""))
            if name not in found or str(found[name].get("expires_at")) < str(entry.get("expires_at")):
                found[name] = entry
    return {"models": list(found.values())}


@router.get("/api/version", responses=described(HTTPStatus.SERVICE_UNAVAILABLE), summary="Ollama's version")
@router.head("/api/version", include_in_schema=False)
async def version(parts: Use) -> Response:
    """Tell the lowest version of all replicas: what it can do, all can."""
    versions = {one.version for one in parts.engine.fleet if one.up and one.version}
    if not versions:
        return refused("/api/version", HTTPStatus.SERVICE_UNAVAILABLE, "no_replica", "no replica answers", 2)
    return JSONResponse({"version": min(versions, key=_order)})


async def _managed(request: Request) -> Response:
    text = (
        f"{request.method} {request.url.path} changes models, which are managed for all replicas of a server: add or "
        "remove them in the stack's configuration (servers[].models)"
    )
    return refused(request.url.path, HTTPStatus.FORBIDDEN, "models_managed", text)


for _word in _MANAGED:
    _methods = ["DELETE"] if _word == "delete" else ["POST"]
    router.add_api_route(f"/api/{_word}", _managed, methods=_methods, include_in_schema=False)
router.add_api_route("/api/blobs/{digest}", _managed, methods=["HEAD", "POST"], include_in_schema=False)


async def _running(parts: Parts, replica: Replica) -> Sequence[Mapping[str, Any]]:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            answer = await parts.engine.upstream.ask(replica, Asked("GET", "/api/ps", [], None))
            try:
                body = await _whole(answer)
            finally:
                answer.close()
        found: object = json.loads(body)
    except (ReplicaError, TimeoutError, ValueError):
        # One that answers late is busy; the others are told.
        return ()
    models = cast("Mapping[str, object]", found).get("models") if isinstance(found, dict) else None
    return cast("Sequence[Mapping[str, Any]]", models) if isinstance(models, list) else ()


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    while piece := await next_piece(answer):
        body += piece
        if len(body) > _LARGEST:
            raise ReplicaError("its answer does not end")
    return bytes(body)


def _order(text: str) -> tuple[int, ...]:
    """Of a version such as 0.17.4; what is no number counts as none."""
    return tuple(int(part) if part.isdigit() else 0 for part in text.split("-", maxsplit=1)[0].split("."))
