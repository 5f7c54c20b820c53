"""Finds replicas and asks each what it has.

Replicas are the addresses behind a headless Service, so this needs no right in the Kubernetes API. Each one's agent
says whether it leaves and which models are whole there; its Ollama says what is on the disk. One without an agent is
taken by what its Ollama says.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import socket
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, cast

import aiohttp
from pydantic import ValidationError

from echo.config.model import EchoConfig, ServerConfig
from echo.engine.fleet import Fleet, Listed, Replica, model_key
from replica_agent.logs import event
from replica_agent.report import ReplicaReport

__all__ = ["Discovery"]

_ANSWER = aiohttp.ClientTimeout(total=5, connect=3)
_LARGEST = 16 << 20
_MISSES = 2
"""Looks that may fail before a replica counts as gone: one late answer of a busy pod is no outage."""


class Discovery:
    """Keeps the fleet as it is."""

    def __init__(self, config: EchoConfig, fleet: Fleet, on_change: Callable[[], None]) -> None:
        self.config = config
        self._fleet = fleet
        self._on_change = on_change
        self._session: aiohttp.ClientSession | None = None
        self._soon = asyncio.Event()

    def look(self) -> None:
        """Look at once."""
        self._soon.set()

    async def run(self) -> None:
        """Look again and again, for ever."""
        connector = aiohttp.TCPConnector(limit=0, use_dns_cache=False)
        async with aiohttp.ClientSession(connector=connector, timeout=_ANSWER, trust_env=False) as session:
            self._session = session
            while True:
                self._soon.clear()
                await self.look_once()
                try:
                    async with asyncio.timeout(self.config.routing.look_seconds):
                        await self._soon.wait()
                except TimeoutError:
                    continue

    async def look_once(self) -> None:
        """Look at every server."""
        await asyncio.gather(*(self._server(server) for server in self.config.servers))
        if not self._fleet.looked:
            event("fleet", replicas=[one.name for one in self._fleet if one.up])
        self._fleet.seen()
        self._on_change()

    async def _server(self, server: ServerConfig) -> None:
        bases = await self._bases(server)
        if bases is None:
            return
        for base, agent in bases.items():
            if self._fleet.find(base) is None:
                self._fleet.add(Replica(server.name, base, base, agent, server.slots))
        replicas = [one for one in self._fleet if one.server == server.name]
        for replica in replicas:
            if replica.base not in bases and not replica.own:
                self._fleet.forget(replica.base)
        await asyncio.gather(*(self._replica(server, one) for one in replicas))

    async def _bases(self, server: ServerConfig) -> dict[str, str | None] | None:
        """Return each replica's URL and that of its agent; None where the DNS does not answer."""
        if server.url is not None:
            return {server.url: None}
        try:
            found = await asyncio.get_running_loop().getaddrinfo(server.pods, None, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            if error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}:
                return {}
            event("dns", level=logging.WARNING, host=server.pods, cause=str(error))
            return None
        hosts = sorted({f"[{one[4][0]}]" if ":" in str(one[4][0]) else str(one[4][0]) for one in found})
        return {f"http://{host}:{server.gate_port}": f"http://{host}:{server.agent_port}" for host in hosts}

    async def _replica(self, server: ServerConfig, replica: Replica) -> None:
        was = replica.up
        try:
            report = None if replica.agent is None else await self._report(replica.agent)
            if report is not None:
                replica.name = report.replica
            if report is not None and not re.fullmatch(rf"{re.escape(server.name)}-\d+", report.replica):
                # The pod that fills a shared volume: it has the models, and no processor for answers.
                replica.up = False
                return
            tags, version = await asyncio.gather(
                self._get(f"{replica.base}/api/tags"), self._get(f"{replica.base}/api/version")
            )
            replica.models = _models(tags, report)
            replica.version = str(version.get("version", ""))
            replica.leaving = report is not None and report.draining
            replica.others = max(0, report.in_flight - replica.own) if report is not None else 0
            replica.up = True
            replica.misses = 0
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            replica.misses += 1
            if replica.misses >= _MISSES or not was:
                replica.up = False
            if was and not replica.up:
                event("replica_lost", level=logging.WARNING, replica=replica.name, cause=repr(error))
        if replica.up and not was:
            event("replica_found", replica=replica.name, server=server.name, models=len(replica.models))

    async def _report(self, agent: str) -> ReplicaReport | None:
        try:
            return ReplicaReport.model_validate(await self._get(f"{agent}/v1/models"))
        except ValidationError as error:
            raise ValueError(f"the agent at {agent} says what is no report") from error

    async def _get(self, url: str) -> Mapping[str, Any]:
        if self._session is None:
            raise RuntimeError("a look needs `run`")
        async with self._session.get(url, allow_redirects=False) as response:
            if response.status != HTTPStatus.OK:
                raise ValueError(f"{url} answers {response.status}")
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece
                if len(body) > _LARGEST:
                    raise ValueError(f"{url} answers with more than {_LARGEST} bytes")
        found: object = json.loads(body)
        if not isinstance(found, dict):
            raise ValueError(f"{url} answers with no object")  # noqa: TRY004 - as every other fault of an answer
        return cast("Mapping[str, Any]", found)


def _models(tags: Mapping[str, Any], report: ReplicaReport | None) -> dict[str, Listed]:
    """What is listed, less what the agent says is not whole."""
    unready = {model_key(model.name) for model in report.models if model.phase != "Ready"} if report else set[str]()
    listed = cast("Sequence[object]", tags.get("models") or ())
    found: dict[str, Listed] = {}
    for entry in listed:
        if isinstance(entry, dict):
            fields = cast("Mapping[str, Any]", entry)
            name = str(fields.get("name", ""))
            key = model_key(name)
            if key is not None and key not in unready:
                found[key] = Listed(name, fields)
    return found
