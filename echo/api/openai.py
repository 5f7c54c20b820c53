"""The OpenAI API, which Ollama has itself: tools, JSON mode and pictures pass as they came. Anthropic's too."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse
from starlette.responses import Response

from echo.api.parts import RELAY_ERRORS, Parts, Relayed, described, parts_of, refused, relayed
from echo.engine.fleet import Listed, model_key

__all__ = ["router"]

router = APIRouter(prefix="/v1", tags=["OpenAI"])

_STREAMED = ("application/json", "text/event-stream")
_MODEL = {"model": {"type": "string"}}
_STREAM = {"stream": {"type": "boolean"}}
_MESSAGES = {"messages": {"type": "array", "items": {"type": "object"}}}
_ASK = described(*RELAY_ERRORS)

Use = Annotated[Parts, Depends(parts_of)]


@router.post("/chat/completions", response_class=Response, responses=_ASK, summary="The next message of a chat",
             openapi_extra=relayed({**_MODEL, **_STREAM, **_MESSAGES, "tools": {"type": "array"},
                                    "response_format": {"type": "object"}},
                                   ("model", "messages"), _STREAMED))  # fmt: skip
async def chat_completions(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/v1/chat/completions")


@router.post("/completions", response_class=Response, responses=_ASK, summary="A completion",
             openapi_extra=relayed({**_MODEL, **_STREAM, "prompt": {}}, ("model", "prompt"), _STREAMED))  # fmt: skip
async def completions(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/v1/completions")


@router.post("/embeddings", response_class=Response, responses=_ASK, summary="Embeddings of texts",
             openapi_extra=relayed({**_MODEL, "input": {}}, ("model", "input"), ("application/json",)))  # fmt: skip
async def embeddings(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/v1/embeddings")


@router.post("/responses", response_class=Response, responses=_ASK, summary="A response",
             openapi_extra=relayed({**_MODEL, **_STREAM, "input": {}}, ("model", "input"), _STREAMED))  # fmt: skip
async def responses(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/v1/responses")


@router.post("/messages", response_class=Response, responses=_ASK, summary="The next message, as Anthropic spells it",
             openapi_extra=relayed({**_MODEL, **_STREAM, **_MESSAGES, "max_tokens": {"type": "integer"}},
                                   ("model", "messages", "max_tokens"), _STREAMED))  # fmt: skip
async def messages(parts: Use) -> Response:
    """Pass on."""
    return Relayed(parts.engine, "/v1/messages")


@router.get("/models", responses=described(), summary="Every model of every server")
async def models(parts: Use) -> dict[str, Any]:
    """List each model once."""
    return {"object": "list", "data": [_shape(one) for one in parts.engine.fleet.catalogue().values()]}


@router.get("/models/{model:path}", responses=described(HTTPStatus.NOT_FOUND), summary="One model")
async def model(model: str, parts: Use) -> Response:
    """Tell whether a model is there."""
    key = model_key(model)
    found = parts.engine.fleet.catalogue().get(key) if key is not None else None
    if found is None:
        return refused("/v1/models", HTTPStatus.NOT_FOUND, "model_not_found", f"model '{model}' not found")
    return JSONResponse(_shape(found))


def _shape(listed: Listed) -> dict[str, Any]:
    try:
        created = int(datetime.fromisoformat(str(listed.entry.get("modified_at", ""))).timestamp())
    except ValueError:
        created = 0
    return {"id": listed.name, "object": "model", "created": created, "owned_by": "library"}
