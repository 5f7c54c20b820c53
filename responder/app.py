"""The web hook, probes and metrics."""

from __future__ import annotations

from http import HTTPStatus

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, generate_latest
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from replica_agent.kube import Kube
from responder.acts import Responder
from responder.config import ResponderConfig

__all__ = ["create_app"]

_MOST_BYTES = 1 << 20


class _Alert(BaseModel):
    """One alert of Alertmanager's message; the rest of it is of no use here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    status: str
    labels: dict[str, str]


class _Message(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    alerts: tuple[_Alert, ...]


def create_app(config: ResponderConfig, kube: Kube) -> Starlette:
    """Build it."""
    disable_created_metrics()
    registry = CollectorRegistry()
    acts = Counter("responder_acts", "Acts asked for by alerts", ("act", "outcome"), registry=registry)
    allowed = {*config.allow, "none"}

    def count(act: str, outcome: str) -> None:
        acts.labels(act if act in allowed else "other", outcome).inc()

    responder = Responder(config, kube, count)

    async def alerts(request: Request) -> Response:
        body = await request.body()
        if len(body) > _MOST_BYTES:
            return PlainTextResponse("too large\n", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        try:
            message = _Message.model_validate_json(body)
        except ValidationError as error:
            return PlainTextResponse(f"{error}\n", HTTPStatus.BAD_REQUEST)
        done = [await responder.respond(one.labels) for one in message.alerts if one.status == "firing"]
        # 200 also where an act was refused or failed: sent again at once, it would be so again.
        return JSONResponse([{"act": one.act, "target": one.target, "outcome": one.outcome} for one in done])

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4; charset=utf-8")

    return Starlette(
        routes=[
            Route("/alerts", alerts, methods=["POST"]),
            Route("/healthz", healthz),
            Route("/metrics", metrics),
        ]
    )
