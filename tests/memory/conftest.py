"""Fixtures of the tests of the memory: a real PostgreSQL, a fresh database each, a clock that the test sets."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from echo.memory import HashEmbedder, MemorySpace, MemoryStore
from tests.support.postgres import OWNER, SERVICE, Postgres, find_wheel

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class SetClock:
    """A clock that stands still until it is told to go on."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> None:
        """Go on by days, hours, minutes."""
        self.now += timedelta(**by)


@dataclass(frozen=True)
class Urls:
    """A fresh database by the roles that may use it."""

    name: str
    service: str
    owner: str
    superuser: str


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres(find_wheel()) as running:
        yield running


@pytest.fixture
def urls(postgres: Postgres) -> Iterator[Urls]:
    """A database with the latest schema, gone after the test."""
    name = postgres.create()
    yield Urls(name, postgres.url(name, SERVICE), postgres.url(name, OWNER), postgres.url(name, "postgres"))
    postgres.drop(name)


@pytest.fixture
def empty_urls(postgres: Postgres) -> Iterator[Urls]:
    """A database with the extension and no schema, gone after the test."""
    name = postgres.create_empty()
    yield Urls(name, postgres.url(name, SERVICE), postgres.url(name, OWNER), postgres.url(name, "postgres"))
    postgres.drop(name)


@pytest.fixture
def clock() -> SetClock:
    return SetClock()


@pytest.fixture
async def store(urls: Urls, clock: SetClock) -> AsyncIterator[MemoryStore]:
    """A store whose ids, times and vectors are the same in every run."""
    opened = await MemoryStore.open(
        urls.service, embedder=HashEmbedder(64), clock=clock, random=random.Random(7).randbytes, pool_size=5
    )
    async with opened:
        yield opened


@pytest.fixture
async def space(store: MemoryStore) -> MemorySpace:
    await store.create_space("home")
    return store.space("home")
