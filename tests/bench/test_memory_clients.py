"""A memory with `ECHORATOR_CLIENTS` (1000) clients at once on ten connections: all are served, or told to come again.

Each of them writes and looks, again and again, in one process, as the requests of one echo service do. Judged is that
nothing goes wrong but back-pressure, and that nothing is lost or doubled by it. The figures are printed.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pytest

from echo.memory import HashEmbedder, MemorySpace, MemoryStore, NewMemory, Query, StoreUnavailableError
from tests.support.postgres import SERVICE, Postgres, find_wheel

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(1_800)]

CLIENTS = int(os.environ.get("ECHORATOR_CLIENTS", "1000"))
ROUNDS = 3
CONNECTIONS = 10
PAUSE_S = 10.0
"""Of a client that was told to come again, about."""
WIDTH = 64

T = TypeVar("T")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Postgres(find_wheel()) as running:
        yield running.url(running.create(), SERVICE)


@dataclass
class Crowd:
    """Clients at once in one space, and what came of their calls."""

    space: MemorySpace
    patience_s: float
    spent_ms: list[float] = field(default_factory=list[float])
    refused: Counter[str] = field(default_factory=Counter[str])

    async def run(self, clients: int) -> float:
        """Until each has done its rounds; returns the seconds."""
        began = time.perf_counter()
        await asyncio.gather(*(self._client(number) for number in range(clients)))
        return time.perf_counter() - began

    async def _client(self, number: int) -> None:
        for turn in range(ROUNDS):
            key = f"{number}-{turn}"
            said = NewMemory(content=f"client {number} said word{number} at turn {turn}", idempotency_key=key)
            await self._call(lambda said=said: self.space.encode([said]))
            found = await self._call(lambda: self.space.retrieve(Query(text=f"word{number}", limit=3)))
            assert found.hits[0].memory.content.startswith(f"client {number} "), key

    async def _call(self, call: Callable[[], Awaitable[T]]) -> T:
        """Send it again while it is told to, for as long as it has patience; anything else goes up."""
        began = time.perf_counter()
        while True:
            try:
                done = await call()
            except StoreUnavailableError as error:
                self.refused[type(error).__name__] += 1
                assert time.perf_counter() - began < self.patience_s, "nobody serves it"
                await asyncio.sleep(PAUSE_S * random.uniform(0.5, 1.5))  # noqa: S311
            else:
                self.spent_ms.append((time.perf_counter() - began) * 1e3)
                return done

    def line(self, title: str, seconds: float) -> str:
        """A row of a table."""
        p50, p95, top = np.percentile(self.spent_ms, [50, 95, 100])
        return (
            f"| {title} | {len(self.spent_ms) / seconds:.0f} calls/s | {p50:.0f} / {p95:.0f} / {top:.0f} ms | "
            f"{self.refused.total()} told to come again |"
        )


@pytest.mark.parametrize(("title", "waits_s"), [("who waits", 600.0), ("who is told to come again", 5.0)])
async def test_a_thousand_clients(url: str, title: str, waits_s: float, capsys: pytest.CaptureFixture[str]) -> None:
    name = title.replace(" ", "-")
    async with await MemoryStore.open(
        url, embedder=HashEmbedder(WIDTH), pool_size=CONNECTIONS, pool_timeout_s=waits_s
    ) as store:
        await store.create_space(name)
        crowd = Crowd(store.space(name), patience_s=1_200)
        seconds = await crowd.run(CLIENTS)
        with capsys.disabled():
            print("\n" + crowd.line(f"{CLIENTS:,} clients, {CONNECTIONS} connections, {title}", seconds))
    async with await MemoryStore.open(url, embedder=HashEmbedder(WIDTH)) as store:
        assert (await store.space(name).stats()).live == CLIENTS * ROUNDS
    if waits_s > PAUSE_S:
        assert crowd.refused.total() == 0
