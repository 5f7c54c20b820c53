"""The agent's own HTTP face: probes, metrics, the report, and the drain."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from replica_agent.drain import Drain, Drained
from replica_agent.metrics import Metrics
from replica_agent.metrics_server import Tell
from replica_agent.status import Status

__all__ = ["create_app", "drained", "tell_of"]

_PROBE = httpx.Timeout(3.0)


def create_app(
    status: Status,
    metrics: Metrics,
    drain: Drain,
    ollama: httpx.AsyncClient,
    look: Callable[[], None],
    *,
    tell: bool = True,
) -> Starlette:
    """Build it.

    Args:
        status: what is told.
        metrics: what is counted.
        drain: the end of the replica.
        ollama: has this pod's Ollama as its base URL.
        look: has the reconciler look at every model at once.
        tell: whether it tells the metrics; not where another port does.
    """
    face = _Face(status, drain, ollama, look)
    return Starlette(
        routes=[
            Route("/healthz", face.healthz),
            Route("/readyz", face.readyz),
            Route("/ollama/livez", face.ollama_livez),
            *([Route("/metrics", tell_of(metrics))] if tell else []),
            Route("/v1/models", face.models),
            Route("/v1/look", face.look),
            Route("/drain", face.drain),
        ]
    )


class _Face:
    def __init__(self, status: Status, drain: Drain, ollama: httpx.AsyncClient, look: Callable[[], None]) -> None:
        self._status = status
        self._drain = drain
        self._ollama = ollama
        self._look = look

    async def healthz(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        if self._drain.draining:
            return _not_yet("this replica is leaving")
        if not self._status.admitted:
            missing = [f"{track.name} ({track.phase})" for track in self._status if track.phase != "Ready"]
            why = f"not there yet: {', '.join(missing)}" if self._status.revision else "no wanted list yet"
            return _not_yet(why if missing or not self._status.revision else "looking")
        fault = await self._ask_ollama()
        return PlainTextResponse("ok\n") if fault is None else _not_yet(fault)

    async def ollama_livez(self, _request: Request) -> Response:
        fault = await self._ask_ollama()
        return PlainTextResponse("ok\n") if fault is None else _not_yet(fault)

    async def _ask_ollama(self) -> str | None:
        try:
            response = await self._ollama.get("/api/version", timeout=_PROBE)
        except httpx.HTTPError as error:
            return f"Ollama does not answer: {error!r}"
        return None if response.status_code == HTTPStatus.OK else f"Ollama answers {response.status_code}"

    async def models(self, _request: Request) -> Response:
        report = self._status.report(draining=self._drain.draining, in_flight=self._drain.in_flight)
        return Response(report.model_dump_json(by_alias=True), media_type="application/json")

    async def look(self, _request: Request) -> Response:
        # GET, as whoever waits for a deploy may have the right to read and no other; all it does is not to wait.
        self._look()
        return JSONResponse({})

    async def drain(self, _request: Request) -> Response:
        return drained(await self._drain.wait())


def drained(ended: Drained) -> Response:
    """Return how a drain ended, as the preStop hook's caller sees it."""
    body = {"done": ended.done, "inFlight": ended.in_flight, "waitedS": ended.waited_s, "reason": ended.reason}
    return JSONResponse(body, HTTPStatus.OK if ended.done else HTTPStatus.GATEWAY_TIMEOUT)


def tell_of(metrics: Metrics) -> Tell:
    """Return what answers a scrape."""

    async def tell(_request: Request) -> Response:
        return Response(metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return tell


def _not_yet(why: str) -> Response:
    return PlainTextResponse(f"{why}\n", HTTPStatus.SERVICE_UNAVAILABLE)
