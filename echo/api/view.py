"""The live view: files of a page that asks this service's own API. Open to all, since they hold nothing but code."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

__all__ = ["PREFIX", "View", "is_view"]

PREFIX = "/view"

# Nothing from elsewhere, nothing inline, nobody's frame. `style-src` holds for sheets: what scripts set is not styled
# by text, so it needs no exception.
_POLICY = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_ASSETS = "assets/"
"""Files whose names hold a hash of their content."""
_FOREVER, _ASK = "public, max-age=31536000, immutable", "no-cache"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}
_MISSING = (
    "This service was built without its live view, since the machine that built its image had no Node.js. "
    "Everything else works. Install Node.js 20.19 or newer there and run `make up` again.\n"
)


def is_view(path: str) -> bool:
    """Whether a path belongs to the page."""
    return path == PREFIX or path.startswith(f"{PREFIX}/")


@dataclass(frozen=True)
class _File:
    plain: bytes
    packed: bytes
    kind: str
    tag: str
    cache: str


class View:
    """Answers below `/view`, from memory: no path of a request ever reaches the disk."""

    def __init__(self, folder: Path) -> None:
        self._files: Mapping[str, _File] = {
            path.relative_to(folder).as_posix(): _read(path, path.relative_to(folder).as_posix())
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._answer(scope)(scope, receive, send)

    def _answer(self, scope: Scope) -> Response:
        path = str(scope["path"])
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("", HTTPStatus.METHOD_NOT_ALLOWED, {**_HEADERS, "allow": "GET, HEAD"})
        if path == PREFIX:
            return RedirectResponse(f"{PREFIX}/", HTTPStatus.PERMANENT_REDIRECT, _HEADERS)
        name = path.removeprefix(f"{PREFIX}/") or "index.html"
        found = self._files.get(name)
        if found is None:
            text = f"there is no {path}\n" if self._files else _MISSING
            return PlainTextResponse(text, HTTPStatus.NOT_FOUND, _HEADERS)
        asked = Headers(scope=scope)
        headers = {**_HEADERS, "etag": found.tag, "cache-control": found.cache, "vary": "accept-encoding"}
        if asked.get("if-none-match") == found.tag:
            return Response(None, HTTPStatus.NOT_MODIFIED, headers)
        body = found.plain
        if "gzip" in asked.get("accept-encoding", ""):
            body, headers["content-encoding"] = found.packed, "gzip"
        return Response(body, HTTPStatus.OK, headers, found.kind)


def _read(path: Path, name: str) -> _File:
    content = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(name)[0] or "text/plain"
    return _File(
        plain=content,
        packed=gzip.compress(content, mtime=0),
        kind=kind,
        tag=f'"{hashlib.sha256(content).hexdigest()[:24]}"',
        cache=_FOREVER if name.startswith(_ASSETS) else _ASK,
    )
