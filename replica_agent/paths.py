"""Which requests pass the gate, and how it refuses the others in the client's own dialect.

Passing is decided by an allow-list on the exact bytes of the path, as they are sent on: no other spelling of a path
that manages models (`//api//pull`, `/api/PULL`, `/api/%70ull`, `/api/pull/`) is on it, so none gets through.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote

__all__ = ["Dialect", "Refusal", "Route", "dialect_of", "error_body", "refusal_of", "route_of"]

Dialect = Literal["ollama", "openai", "anthropic"]

_READ = frozenset({"GET", "HEAD"})
_ASK = frozenset({"POST"})


@dataclass(frozen=True)
class Route:
    """One path that passes.

    Attributes:
        name: label of its metrics.
        methods: those that pass; OPTIONS does too, since browsers ask before they post.
    """

    name: str
    methods: frozenset[str]


_ROUTES: Mapping[bytes, Route] = {
    path.encode(): Route(path, methods)
    for path, methods in {
        "/": _READ,
        "/api/version": _READ,
        "/api/tags": _READ,
        "/api/ps": _READ,
        "/api/show": _ASK,
        "/api/generate": _ASK,
        "/api/chat": _ASK,
        "/api/embed": _ASK,
        "/api/embeddings": _ASK,
        "/v1/chat/completions": _ASK,
        "/v1/completions": _ASK,
        "/v1/embeddings": _ASK,
        "/v1/models": _READ,
        "/v1/responses": _ASK,
        "/v1/messages": _ASK,
    }.items()
}
_ONE_MODEL = re.compile(rb"/v1/models/[A-Za-z0-9_%][A-Za-z0-9._:%/-]*")
_ONE_MODEL_ROUTE = Route("/v1/models/{model}", _READ)
_MANAGES = frozenset({"pull", "push", "create", "copy", "delete", "blobs"})


def route_of(raw_path: bytes) -> Route | None:
    """Return the route of a path as it stands in the request, or None when it does not pass."""
    found = _ROUTES.get(raw_path)
    if found is None and _ONE_MODEL.fullmatch(raw_path) and b".." not in raw_path:
        return _ONE_MODEL_ROUTE
    return found


@dataclass(frozen=True)
class Refusal:
    """Why a request does not pass: HTTP status, a word for it, and the message."""

    status: int
    code: str
    message: str


def refusal_of(method: str, raw_path: bytes) -> Refusal | None:
    """Return why a request does not pass, or None when it does."""
    route = route_of(raw_path)
    if route is None:
        path = _plain(raw_path)
        if path.startswith("/api/") and path.split("/")[2] in _MANAGES:
            return Refusal(
                403,
                "models_managed",
                f"{method} {path} changes models, which are managed for all replicas of this server: add or remove "
                "them in the stack's configuration (servers[].models), or set clientsMayManageModels",
            )
        return Refusal(404, "no_such_path", f"{path} is not offered here; see the paths of the Ollama and OpenAI APIs")
    if method not in route.methods and method != "OPTIONS":
        allowed = ", ".join(sorted(route.methods))
        return Refusal(405, "method_not_allowed", f"{route.name} takes {allowed}, not {method}")
    return None


def _plain(raw_path: bytes) -> str:
    """Return a path as a lenient server might read it; it chooses the refusal's words, never whether to refuse."""
    text = raw_path.decode("latin-1")
    for _ in range(3):
        text = unquote(text)
    parts = [part for part in text.lower().replace("\\", "/").split("/") if part not in {"", "."}]
    return "/" + "/".join(parts)


def dialect_of(raw_path: bytes) -> Dialect:
    """Return whose form of an error a client of this path reads."""
    if raw_path.startswith(b"/v1/messages"):
        return "anthropic"
    return "openai" if raw_path.startswith(b"/v1") else "ollama"


def error_body(dialect: Dialect, status: int, code: str, message: str) -> bytes:
    """Return an error as JSON, in the form that a client of this dialect reads."""
    if dialect == "ollama":
        return json.dumps({"error": message}).encode()
    kind = "api_error" if status >= 500 else "invalid_request_error"  # noqa: PLR2004 - HTTP's own border
    if dialect == "anthropic":
        kind = "overloaded_error" if status == 503 else kind  # noqa: PLR2004 - HTTP's own number
        return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    return json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
