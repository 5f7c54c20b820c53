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
from replica_agent.metrics_server import Tell

__all__ = ["create_internal", "tell_of"]


def tell_of(metrics: EchoMetrics) -> Tell:
    """What answers a scrape."""

    async def tell(_request: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return tell


def create_internal(metrics: EchoMetrics, drain: Drain, *, tell: bool = True) -> Starlette:
    """Build it; without metrics where another port tells them."""

    async def leave(_request: Request) -> Response:
        return drained(await drain.wait())

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"}, HTTPStatus.OK)

    told = [Route("/metrics", tell_of(metrics))] if tell else []
    return Starlette(routes=[*told, Route("/drain", leave), Route("/healthz", alive)])
