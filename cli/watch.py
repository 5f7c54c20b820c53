"""Asks the agents how far they are, over and over, while an update runs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

from cli.look import asking, namespace, objects, runs
from cli.transfers import Transfers
from components.kube_api import KubeApiError, KubeUnreachableError
from components.kube_context import KubeContext
from components.pod_proxy import PodProxy
from components.settings.server import ServerSettings
from components.settings.stack import Settings
from ollama import OllamaError

EVERY_S = 0.7
PODS_EVERY_S = 3.0
"""Pods come and go more slowly than bytes."""


class Watch(threading.Thread):
    """Feeds the transfers. What cannot be asked is left to the engine's own lines."""

    def __init__(self, context: KubeContext, settings: Settings, transfers: Transfers) -> None:
        super().__init__(daemon=True, name="watch")
        self._context = context
        self._settings = settings
        self._transfers = transfers
        self._end = threading.Event()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self.join(timeout=10)

    def run(self) -> None:
        """Look until the end."""
        hosted = [server for server in self._settings.servers if server.url is None]
        if hosted:
            asyncio.run(self._watch(hosted))

    async def _watch(self, hosted: Sequence[ServerSettings]) -> None:
        place = namespace(self._settings)
        try:
            async with AsyncExitStack() as stack:
                proxy = await stack.enter_async_context(PodProxy(self._context, place))
                ask = {
                    server.name: await stack.enter_async_context(asking(server, proxy, self._context, place))
                    for server in hosted
                }
                pods: dict[str, list[str]] = {}
                rounds = 0
                while not self._end.is_set():
                    if rounds % max(1, round(PODS_EVERY_S / EVERY_S)) == 0:
                        pods = await self._pods(hosted)
                    rounds += 1
                    for said in await asyncio.gather(*(ask[name](there) for name, there in pods.items())):
                        for report in said.values():
                            self._transfers.report(report)
                    await asyncio.sleep(EVERY_S)
        except OllamaError:
            # The credentials cannot be used; the engine says so in its own words.
            return

    async def _pods(self, hosted: Sequence[ServerSettings]) -> dict[str, list[str]]:
        try:
            there = await asyncio.to_thread(objects, self._context, self._settings)
        except (KubeApiError, KubeUnreachableError):
            return {}
        return {
            server.name: [
                name
                for stateful_set in (f"{server.name}-writer", server.name)
                for name, pod in there.of(stateful_set).items()
                if runs(pod)
            ]
            for server in hosted
        }
