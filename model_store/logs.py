"""One JSON object a line on standard output: events of the store and one line a request.

Query strings and headers are never written: signed URLs and tokens live there.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_store.metrics import Metrics

__all__ = ["AccessLog", "event", "set_up"]

_LOGGER = logging.getLogger("model_store")
_QUIET_ROUTES = frozenset({"/healthz", "/readyz", "/metrics"})
# What uvicorn says when a response is cut short on purpose; the access log has the reason.
_CUT_SHORT = "ASGI callable returned without completing response"


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
        }
        fields = getattr(record, "fields", None)
        if isinstance(fields, dict):
            line.update(cast("dict[str, object]", fields))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def _keep(record: logging.LogRecord) -> bool:
    return _CUT_SHORT not in record.getMessage()


def set_up() -> None:
    """Send every logger's records to standard output as JSON."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(_JsonFormatter())
    handler.addFilter(_keep)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _LOGGER.setLevel(logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # At INFO httpx prints whole URLs, and a redirect's URL is a credential.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def event(name: str, *, level: int = logging.INFO, **fields: object) -> None:
    """Log one event."""
    _LOGGER.log(level, name, extra={"fields": fields})


class AccessLog:
    """ASGI middleware: one line and one count for each request, written when its last byte is sent.

    Handlers add what they know to ``scope["model_store"]``: ``upstream`` (whether the upstream
    was asked for this request), ``route``, and ``failure`` when a body was cut short.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and log it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        notes: dict[str, Any] = {"upstream": False, "route": "other"}
        scope["model_store"] = notes
        seen = {"status": 0, "bytes": 0}

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = int(message["status"])
            elif message["type"] == "http.response.body" and scope["method"] != "HEAD":
                seen["bytes"] += len(message.get("body", b""))
            await send(message)

        began = time.monotonic()
        try:
            await self._app(scope, receive, watch)
        finally:
            route, status, sent = str(notes.pop("route")), seen["status"], seen["bytes"]
            self._metrics.requests.labels(scope["method"], route, status).inc()
            self._metrics.served_bytes.labels(route).inc(sent)
            if scope["path"] not in _QUIET_ROUTES or status != HTTPStatus.OK:
                event(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status,
                    bytes=sent,
                    ms=round((time.monotonic() - began) * 1000, 1),
                    client=(scope.get("client") or ("?",))[0],
                    **notes,
                )
