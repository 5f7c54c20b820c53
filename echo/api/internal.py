"""The face for the cluster: metrics and the drain. On a port of its own, which network policies keep from clients."""

from __future__ import annotations

from http import HTTPStatus

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from echo.engine.metrics import EchoMetrics
from replica_agent.app import drained
from replica_agent.drain import Drain

__all__ = ["create_internal"]


def create_internal(metrics: EchoMetrics, drain: Drain) -> Starlette:
    """Build it."""

    async def render(_request: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def leave(_request: Request) -> Response:
        return drained(await drain.wait())

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"}, HTTPStatus.OK)

    return Starlette(routes=[Route("/metrics", render), Route("/drain", leave), Route("/healthz", alive)])
