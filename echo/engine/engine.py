"""One request from its body to the last byte of its answer."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus

import aiohttp
from starlette.types import Receive, Scope, Send

from echo.auth.principal import ANONYMOUS, Principal
from echo.auth.rates import LimitError, Rates
from echo.config.model import EchoConfig
from echo.engine.answer import Outlet, StalledError
from echo.engine.choose import prefix_of
from echo.engine.fleet import Fleet, Replica, model_key
from echo.engine.incoming import Buffers, ClientLeftError, Held, Incoming, RefusedError, parse, read
from echo.engine.metrics import EchoMetrics
from echo.engine.queue import BusyError, Dispatcher, Lease, MissingError
from echo.engine.upstream import Asked, ReplicaError, Upstream, next_piece
from echo.remember.companion import Companion, Part
from echo.remember.rooms import SpaceRefusedError
from replica_agent.drain import Drain
from replica_agent.headers import end_to_end
from replica_agent.logs import event
from replica_agent.observe import Exchange, Observer
from replica_agent.paths import Dialect, Refusal, dialect_of

__all__ = ["Engine"]

# What a gate says that is about itself and not about the request: another replica may do better.
_ELSEWHERE = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})


@dataclass
class _Passage:
    """One request on its way."""

    scope: Scope
    receive: Receive
    route: str
    dialect: Dialect
    exchange: Exchange
    outlet: Outlet
    principal: Principal
    id: str
    replica: str = ""
    attempts: int = 0
    memory: Part | None = None


class Engine:
    """Hands requests to replicas.

    Attributes:
        config: what holds now.
        rates: what each key has left.
    """

    def __init__(
        self,
        config: EchoConfig,
        *,
        fleet: Fleet,
        dispatcher: Dispatcher,
        upstream: Upstream,
        drain: Drain,
        rates: Rates,
        metrics: EchoMetrics,
        companion: Companion,
    ) -> None:
        self.config = config
        self._companion = companion
        self.fleet = fleet
        self.rates = rates
        self.dispatcher = dispatcher
        self.buffers = Buffers(config.limits.buffered_bytes)
        self.drain = drain
        self.upstream = upstream
        self._metrics = metrics
        self._observer = _Labels(metrics, fleet)

    async def answer(self, scope: Scope, receive: Receive, send: Send, route: str) -> None:
        """Answer a request for inference; `route` is its path as it is counted."""
        request_id = secrets.token_hex(8)
        exchange = Exchange(route)
        stall_s = self.config.limits.client_stall_seconds
        passage = _Passage(
            scope,
            receive,
            route,
            dialect_of(route.encode()),
            exchange,
            Outlet(scope, send, exchange, request_id, stall_s),
            scope.get("state", {}).get("principal", ANONYMOUS),
            request_id,
        )
        try:
            with self._counted(passage.principal), self.drain.request(), self.buffers.hold() as held:
                await self._pass(passage, held)
        except RefusedError as error:
            # What is left of the body was not read, so the connection cannot be used again.
            await passage.outlet.refuse(error.refusal, passage.dialect, error.retry_after, close=True)
        except ClientLeftError:
            exchange.fail("cancelled")
        except StalledError:
            exchange.fail("stalled")
        finally:
            self._observer.end(exchange)
            self._log(passage)

    @contextmanager
    def _counted(self, principal: Principal) -> Generator[None]:
        if not self.drain.accepting:
            text = "this replica of the service is leaving; ask again, which reaches another one"
            raise RefusedError(Refusal(503, "draining", text), 1)
        try:
            self.rates.begin(principal)
        except LimitError as error:
            self._metrics.limited.labels(principal.name if principal.name[:5] != "oidc:" else "oidc").inc()
            raise RefusedError(Refusal(429, "rate_limited", str(error)), error.retry_after) from error
        try:
            yield
        finally:
            self.rates.end(principal)

    async def _pass(self, passage: _Passage, held: Held) -> None:
        body = await read(passage.scope, passage.receive, self.config.limits, held)
        incoming = parse(body)
        # The name alone: it may stand anywhere in a body, and no more of that is to be kept.
        passage.exchange.asked.take(json.dumps({"model": incoming.model}).encode())
        key = model_key(incoming.model)
        left = asyncio.timeout(None)
        watcher = asyncio.create_task(_leave(passage.receive, left, passage.exchange))
        try:
            async with left:
                passage.memory = await self._recall(passage, incoming)
                if passage.memory is not None:
                    body = passage.memory.body
                await self._ask(passage, incoming, key, body)
        except TimeoutError as error:
            if not left.expired():
                raise
            raise ClientLeftError from error
        finally:
            watcher.cancel()

    async def _recall(self, passage: _Passage, incoming: Incoming) -> Part | None:
        scope = passage.scope
        try:
            return await self._companion.join(passage.id, passage.route, passage.principal, scope["headers"], incoming)
        except SpaceRefusedError as error:
            raise RefusedError(Refusal(int(error.status), error.code, str(error))) from error

    async def _ask(self, passage: _Passage, incoming: Incoming, key: str | None, body: bytes) -> None:
        target = passage.scope["raw_path"].decode("latin-1")
        if passage.scope["query_string"]:
            target += "?" + passage.scope["query_string"].decode("latin-1")
        asked = Asked(passage.scope["method"], target, passage.scope["headers"], body)
        memory = passage.memory
        prefix = memory.prefix if memory is not None else None
        prefix = prefix if prefix is not None else prefix_of(incoming.fields)
        tried: set[str] = set()
        failure = ""
        while True:
            lease = await self._lease(incoming.model, key, prefix, tried)
            passage.replica = lease.replica.name
            passage.attempts += 1
            try:
                failure = await self._try(passage, lease, asked)
            finally:
                lease.release()
            if not failure:
                return
            tried.add(lease.replica.base)
            others = [one for one in self.fleet.having(lease.model) if one.base not in tried]
            if passage.attempts >= self.config.routing.attempts or not others:
                text = f"no replica could answer; the last one: {failure}; try again"
                raise RefusedError(Refusal(503, "replicas_failed", text), self.dispatcher.advice(lease.model))
            self._metrics.retries.labels(self.fleet.label(incoming.model), "failed").inc()

    async def _lease(self, model: str, key: str | None, prefix: bytes | None, tried: set[str]) -> Lease:
        began = time.perf_counter()
        try:
            # What is no name is no model's.
            lease = await self.dispatcher.lease(key if key is not None else model, prefix, tried)
        except MissingError as error:
            # Ollama's own words, by which clients offer to pull it.
            raise RefusedError(Refusal(404, "model_not_found", f"model '{model}' not found")) from error
        except BusyError as error:
            raise RefusedError(Refusal(503, error.code, f"{error}; try again"), error.retry_after) from error
        self._metrics.queue_seconds.labels(self.fleet.label(model)).observe(time.perf_counter() - began)
        return lease

    async def _try(self, passage: _Passage, lease: Lease, asked: Asked) -> str:
        """Ask one replica; return why another one is to be asked, nothing where the client has its answer."""
        try:
            answer = await self.upstream.ask(lease.replica, asked)
        except ReplicaError as error:
            self._lost(lease.replica, error)
            return f"{lease.replica.name} cannot be reached"
        try:
            if answer.status in _ELSEWHERE:
                return f"{lease.replica.name} answers {answer.status}"
            try:
                # Nothing is sent before this: until then another replica can still give the whole answer.
                first = await next_piece(answer)
            except ReplicaError as error:
                self._lost(lease.replica, error)
                return f"{lease.replica.name} broke off"
            await self._relay(passage, lease.replica, answer, first)
        finally:
            # Before the last byte this closes the connection, at which Ollama stops generating.
            answer.close() if not answer.content.at_eof() else answer.release()
        return ""

    async def _relay(self, passage: _Passage, replica: Replica, answer: aiohttp.ClientResponse, first: bytes) -> None:
        outlet = passage.outlet
        kind = answer.headers.get("content-type", "")
        headers = [(name.lower(), value) for name, value in end_to_end(answer.raw_headers)]
        memory = passage.memory
        if memory is not None:
            headers = memory.begin(answer.status, kind, headers)
        await outlet.begin(answer.status, headers, kind, close=self.drain.draining)
        piece = first
        try:
            while piece:
                if memory is None:
                    await outlet.piece(piece)
                elif ready := memory.take(piece):
                    await outlet.piece(ready)
                piece = await next_piece(answer)
            if memory is not None and (ready := memory.end()):
                await outlet.piece(ready)
        except ReplicaError as error:
            self._lost(replica, error)
            passage.exchange.fail("cut")
            event("answer_cut", level=logging.WARNING, id=passage.id, replica=replica.name, cause=str(error))
            refusal = Refusal(503, "replica_lost", "the replica that wrote this answer is gone; ask again")
            if not await outlet.break_off(refusal, passage.dialect):
                return
        else:
            await outlet.end()
            if memory is not None:
                self._companion.over(memory)

    def _lost(self, replica: Replica, error: ReplicaError) -> None:
        """Leave a replica alone until it is looked at again."""
        if replica.up:
            event("replica_failed", level=logging.WARNING, replica=replica.name, cause=str(error))
        replica.up = False

    def _log(self, passage: _Passage) -> None:
        exchange = passage.exchange
        event(
            "request",
            id=passage.id,
            route=passage.route,
            key=passage.principal.name,
            model=self.fleet.label(exchange.asked.model),
            replica=passage.replica,
            attempts=passage.attempts,
            status=exchange.status,
            reason=exchange.reason,
            seconds=round(time.perf_counter() - exchange.began, 4),
            size=exchange.answered.size,
        )


class _Labels(Observer):
    """Counts by the models that the fleet knows."""

    def __init__(self, metrics: EchoMetrics, fleet: Fleet) -> None:
        super().__init__(metrics, tuple)
        self._fleet = fleet

    def label(self, model: str | None) -> str:
        """Return the model's label."""
        return self._fleet.label(model)


async def _leave(receive: Receive, left: asyncio.Timeout, exchange: Exchange) -> None:
    """Wait until the client leaves, and end what `left` stands around."""
    while (await receive())["type"] != "http.disconnect":
        continue
    # The server says so too once the answer's last byte is out.
    if not exchange.complete:
        left.reschedule(asyncio.get_running_loop().time())
