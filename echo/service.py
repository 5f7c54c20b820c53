"""The parts of one running service, put together."""

from __future__ import annotations

import math
from collections.abc import Coroutine, Sequence
from datetime import timedelta
from typing import Any

from starlette.types import ASGIApp

from echo.api.app import Front, create_main, create_ollama
from echo.api.events import Events
from echo.api.internal import create_internal, tell_of
from echo.api.parts import Parts
from echo.api.view import View
from echo.api.ws import Sockets
from echo.auth import keys
from echo.auth.gatehouse import Gatehouse
from echo.auth.rates import Rates
from echo.cognition import Mind
from echo.cognition.mind import Schedule
from echo.cognition.prompt import Budget
from echo.config.layers import Layers
from echo.config.model import EchoConfig
from echo.config.watch import Watcher
from echo.engine.discover import Discovery
from echo.engine.fleet import Fleet, model_key
from echo.engine.metrics import EchoMetrics
from echo.engine.queue import Dispatcher
from echo.engine.upstream import Upstream
from echo.memory import Keeping
from echo.plain import PlainMind
from echo.remember.companion import Companion
from echo.remember.embedder import FleetEmbedder
from echo.remember.looking import Looker
from echo.remember.memories import Memories
from echo.remember.tasks import Learner
from echo.telemetry.setup import engine_kind
from replica_agent.drain import Drain

__all__ = ["Service"]


class Service:
    """One replica of the service; must be made inside a running loop.

    Attributes:
        main, ollama, internal: ASGI applications, one a port.
        tell: answers a scrape.
        drain: leaving.
    """

    def __init__(self, layers: Layers, config: EchoConfig) -> None:
        """Put the parts together.

        Raises:
            ConfigError: the keys cannot be read.
        """
        self._fleet = Fleet()
        self._fleet.configure(config.servers)
        self._metrics = metrics = EchoMetrics(self._fleet)
        rates = Rates(config.rates)
        self._gatehouse = Gatehouse(
            config.auth,
            keys.load(config.auth.keys_file),
            rates,
            lambda reason: metrics.auth_failures.labels(reason).inc(),
        )
        self._dispatcher = Dispatcher(self._fleet, config.routing, config.queue)
        self._discovery = Discovery(config, self._fleet, self._dispatcher.changed)
        self._upstream = Upstream(config.routing.connect_seconds)
        self.drain = Drain(
            settle_s=config.drain.settle_seconds, limit_s=config.drain.limit_seconds, on_begin=lambda: None
        )
        self._memories = memories = self._remember(config)
        self._learner = learner = self._learn(memories)
        self._looker = None if memories is None else Looker(memories)
        if memories is not None:
            metrics.minds(memories.minds.values)
        self._engine = engine = engine_kind()(
            config,
            fleet=self._fleet,
            dispatcher=self._dispatcher,
            upstream=self._upstream,
            drain=self.drain,
            rates=rates,
            metrics=metrics,
            companion=Companion(memories, learner, metrics, self._context),
        )
        self._watcher = watcher = Watcher(layers, config, self._apply)
        sockets = Sockets(engine, metrics)
        parts = Parts(engine, self._gatehouse, metrics, watcher, memories)
        self.main: ASGIApp = Front(create_main(parts), parts, sockets, Events(memories), View(config.view.folder))
        self.ollama: ASGIApp = Front(create_ollama(parts), parts)
        self.internal: ASGIApp = create_internal(metrics, self.drain, tell=config.metrics_tls is None)
        self.tell = tell_of(metrics)
        metrics.watch(
            in_flight=lambda: self.drain.in_flight,
            draining=lambda: float(self.drain.draining),
            waiting=lambda: self._dispatcher.waiting,
            held=lambda: engine.buffers.held,
            config_loads=lambda: watcher.loads,
            config_refusals=lambda: watcher.refusals,
            config_bad=lambda: float(bool(watcher.problem)),
            memory_up=lambda: float(memories is not None and memories.up),
            turns_waiting=lambda: 0 if learner is None else learner.waiting,
            memory_coherence=lambda: math.nan if memories is None else _mean(memories.coherence),
            events_shared=lambda: float(memories is not None and memories.relay.state == "shared"),
            events_unsent=lambda: 0 if memories is None else memories.relay.unsent,
            memory_listeners=lambda: 0 if memories is None else memories.hub.number,
        )

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs for as long as the service does."""
        found: list[Coroutine[Any, Any, None]] = [self._discovery.run(), self._watcher.run()]
        if self._memories is not None:
            found += [self._memories.run(), self._memories.relay.run()]
        if self._learner is not None:
            found.append(self._learner.run())
        if self._looker is not None:
            found.append(self._looker.run())
        return found

    async def close(self) -> None:
        """Close the connections to replicas and to the memory store."""
        if self._learner is not None:
            await self._learner.finish()
        if self._memories is not None:
            await self._memories.close()
        await self._upstream.close()

    def _remember(self, config: EchoConfig) -> Memories | None:
        said = config.memory
        if said is None:
            return None
        embedder = FleetEmbedder(self._dispatcher, self._upstream, said.embedder.model, said.embedder.width)
        characters = said.recall.characters
        states = said.states
        keeping = Keeping(
            whole=timedelta(days=states.whole_days),
            hourly=timedelta(days=states.hourly_days),
            daily=None if states.daily_days is None else timedelta(days=states.daily_days),
        )
        mind = (
            Mind(budget=Budget(characters=characters), schedule=Schedule(keeping=keeping))
            if said.cognition
            else PlainMind(characters=characters, keeping=keeping)
        )
        return Memories(said, embedder=embedder, mind=mind)

    def _context(self, model: str) -> int:
        key = model_key(model)
        return self._fleet.context(key if key is not None else model)

    def _learn(self, memories: Memories | None) -> Learner | None:
        if memories is None:
            return None
        metrics = self._metrics
        return Learner(
            memories,
            count=lambda outcome: metrics.turns.labels(outcome).inc(),
            took=metrics.learn_seconds.observe,
            tidied=lambda what, number: metrics.tidied.labels(what).inc(number),
        )

    def _apply(self, config: EchoConfig) -> None:
        found = keys.load(config.auth.keys_file)
        # From here on nothing can fail, so that settings hold as a whole or not at all.
        self._gatehouse.change(config.auth, found)
        self._gatehouse.rates.config = config.rates
        self._engine.config = config
        self._engine.buffers.most = config.limits.buffered_bytes
        self._dispatcher.routing, self._dispatcher.queue = config.routing, config.queue
        self._fleet.configure(config.servers)
        self._discovery.config = config
        self._discovery.look()


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else math.nan
