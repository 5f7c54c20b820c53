"""The parts of one running agent, put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

import httpx
from starlette.types import ASGIApp

from ollama import BlobFolder, OllamaClient
from ollama.ledger import FileLedger
from replica_agent.app import create_app, tell_of
from replica_agent.bring import Bringer
from replica_agent.config import AgentConfig, Pod
from replica_agent.drain import Drain
from replica_agent.events import Events
from replica_agent.gate import Gate
from replica_agent.kube import Kube, plain_context
from replica_agent.loaded import Loaded
from replica_agent.logs import event
from replica_agent.metrics import Metrics
from replica_agent.observe import Observer
from replica_agent.pulse import Pulse
from replica_agent.reconcile import Reconciler
from replica_agent.status import Status
from replica_agent.wanted import Follower, WantedList

__all__ = ["Agent"]


class Agent:
    """One replica's agent; must be made inside a running loop.

    Attributes:
        gate: ASGI application for clients.
        face: ASGI application for probes, metrics, the report and the drain.
        tell: answers a scrape.
        drain: leaving.
    """

    def __init__(self, config: AgentConfig, pod: Pod) -> None:
        """Put the parts together.

        Raises:
            ApiError: the config wants the API server, and nothing says where that is.
        """
        kube = Kube(config.api) if config.api is not None else None
        self._status = Status(config.server, pod.name)
        metrics = self._metrics = Metrics(self._status, config.ledger_file.parent)
        self._events = Events(kube, pod, on_loss=metrics.events_lost.inc)
        self._http = httpx.AsyncClient(
            base_url=config.ollama_url,
            transport=httpx.AsyncHTTPTransport(verify=plain_context(), trust_env=False),
            trust_env=False,
        )
        ledger = None if config.read_only else FileLedger(config.ledger_file)
        if ledger is not None and ledger.fault is not None:
            event("ledger", level=logging.WARNING, cause=ledger.fault)
        blobs = None if config.models_folder is None else BlobFolder(config.models_folder)
        client = OllamaClient(self._http, pod.name)
        bringer = Bringer(client, ledger, config.pull_policy(), blobs)
        self._reconciler = Reconciler(bringer, self._status, self._events, metrics, config.look_seconds)
        self._pulse = Pulse(config.ollama_url, self._on_pulse)
        self._follower = Follower(
            kube, pod.namespace, config.api, config.wanted_file, self._on_list, self._on_list_problem
        )
        self._observer = Observer(metrics, self._status.names)
        self._loaded = Loaded(client, self._observer.label)
        metrics.registry.register(self._loaded)
        self.drain = Drain(
            settle_s=config.drain_settle_seconds, limit_s=config.drain_limit_seconds, on_begin=self._on_drain
        )
        self.gate: Gate = Gate(
            config.ollama_url,
            drain=self.drain,
            observer=self._observer,
            max_request_bytes=config.max_request_bytes,
            clients_may_manage_models=config.clients_may_manage_models,
        )
        self.tell = tell_of(metrics)
        self.face: ASGIApp = create_app(
            self._status,
            metrics,
            self.drain,
            self._http,
            self._reconciler.look,
            tell=config.metrics_tls is None,
        )
        metrics.observe(metrics.in_flight, lambda: self.drain.in_flight)
        metrics.observe(metrics.draining, lambda: float(self.drain.draining))
        metrics.observe(metrics.watching, lambda: float(self._follower.state.connected))
        metrics.observe(metrics.watch_failures, lambda: self._follower.state.reconnects)
        # Until the first beat nothing is known, which is told as what it may turn out to be.
        self._on_pulse()

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs for as long as the agent does."""
        return [self._pulse.run(), self._follower.run(), self._reconciler.run(), self._events.run(), self._loaded.run()]

    async def close(self) -> None:
        """Close the connections to Ollama."""
        await self.gate.close()
        await self._http.aclose()

    def _on_list(self, wanted: WantedList) -> None:
        self._reconciler.take(wanted)
        self._observer.refresh()

    def _on_list_problem(self, text: str) -> None:
        hint = "see the ConfigMap, and the agent's Role: get and watch on it"
        self._status.problem("list", text, "transient", hint)
        if text:
            event("list_problem", level=logging.WARNING, cause=text)

    def _on_pulse(self) -> None:
        pulse, status = self._pulse, self._status
        restarted = 0 < status.ollama_life < pulse.life
        status.ollama_up, status.ollama_life, status.ollama_version = pulse.up, pulse.life, pulse.version
        status.problem("ollama", "" if pulse.up else "Ollama does not answer", "transient", "see its container's log")
        event("ollama", up=pulse.up, version=pulse.version, life=pulse.life)
        self.drain.ollama_down_since = None if pulse.up else asyncio.get_running_loop().time()
        if restarted and self.drain.draining:
            # The kubelet runs the preStop hook of a container that it only restarts; the pod goes on.
            self.drain.cancel()
            self._reconciler.resume()
            event("drain_taken_back")
        if pulse.up:
            self._reconciler.look()

    def _on_drain(self) -> None:
        self._reconciler.stop()
        self._events.say("Draining", f"{self.drain.in_flight} requests run; new ones go to other replicas")
