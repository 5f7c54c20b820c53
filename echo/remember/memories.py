"""The memory store of this service: opened, opened again, and left alone for a while when it fails."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from datetime import UTC, datetime

from echo.config.model import MemoryConfig
from echo.memory import EchoMemoryError, Embedder, MemorySpace, MemoryStore, StoreUnavailableError
from echo.mind import Mind, MindState
from echo.remember.hub import Hub
from echo.remember.places import Places
from echo.remember.relay import Relay
from replica_agent.logs import event

__all__ = ["Memories"]

_LOOK_S = 1.0
_CHECK_S = 10.0
"""Between two looks at a store that works: a service that nobody asks would call one that is gone well for hours."""
_POOL_WAIT_S = 5.0
_STATEMENT_S = 20.0
_EXPORTS = 2
_MEASURED = 10_000


class Memories:
    """Spaces of one database, whether or not it can be reached right now.

    Attributes:
        config: what was said of it.
        mind: prepares and learns.
        hub: tells of what happens.
        relay: takes that to other replicas of the service.
        exports: that run now, each of which holds a connection.
        problem: why there is no store; empty while there is one.
        changed: spaces that learned or rested, and were not looked at since.
        minds: what the mind of each space was like when it was looked at last.
    """

    def __init__(self, config: MemoryConfig, *, embedder: Embedder, mind: Mind) -> None:
        self.config = config
        self.mind = mind
        self.hub = Hub(config.events)
        self.relay = Relay(self.hub, config.events_url_file)
        self.exports = Places(_EXPORTS)
        self.problem = "the memory store has not been opened yet"
        self._embedder = embedder
        self._store: MemoryStore | None = None
        self._opened = ""
        self._known: set[str] = set()
        self.changed: set[str] = set()
        self.minds: dict[str, MindState] = {}
        self._coherence: dict[str, float] = {}
        self._closed_until = 0.0
        self._failed = False
        self._check_at = 0.0

    @property
    def up(self) -> bool:
        """Whether the store was there when it was last asked; one that nobody asks is looked at every few seconds."""
        return self._store is not None and not self._failed

    @property
    def resting(self) -> bool:
        """Whether it failed a moment ago, so that answers are not to wait for it."""
        return time.monotonic() < self._closed_until

    def now(self) -> datetime:
        """The time."""
        return datetime.now(UTC)

    def rest(self, error: Exception) -> None:
        """Note that the store failed."""
        if not self.resting:
            event("memory_failed", level=logging.WARNING, cause=f"{type(error).__name__}: {error}")
        self._failed = True
        self._closed_until = self._check_at = time.monotonic() + self.config.recall.pause_seconds

    async def space(self, name: str) -> MemorySpace:
        """Return a space, which is made where it is not there yet.

        Raises:
            StoreUnavailableError: There is no store right now.
            SpaceExistsError: The space is for another embedder.
        """
        store = self._store
        if store is None:
            raise StoreUnavailableError(self.problem)
        if name not in self._known:
            await store.create_space(name, exist_ok=True)
            self._known.add(name)
        return store.space(name)

    def measured(self, name: str, coherence: float | None) -> None:
        """Note that a space is not what it was, and how coherent it was found."""
        if len(self.changed) < _MEASURED:
            self.changed.add(name)
        if coherence is not None:
            self._coherence[name] = coherence
            while len(self._coherence) > _MEASURED:
                self._coherence.pop(next(iter(self._coherence)))

    @property
    def coherence(self) -> tuple[float, ...]:
        """Of the spaces that this replica measured, as measured last."""
        return tuple(self._coherence.values())

    def forget_known(self, name: str) -> None:
        """Look anew whether a space is there."""
        self._known.discard(name)
        self.changed.discard(name)
        self.minds.pop(name, None)
        self._coherence.pop(name, None)

    async def run(self) -> None:
        """Keep the store open, for ever; open it anew when its URL changes, as passwords do."""
        while True:
            await self.look()
            await self.check()
            await asyncio.sleep(_LOOK_S if self._store is not None else self.config.recall.pause_seconds / 2)

    async def check(self) -> None:
        """Ask a store that was not asked for some seconds, or that failed, whether it is there."""
        if self._store is None or time.monotonic() < self._check_at:
            return
        try:
            await self._store.check()
        except EchoMemoryError as error:
            self.rest(error)
        else:
            self._failed = False
            self._check_at = time.monotonic() + _CHECK_S

    async def look(self) -> None:
        """Open the store where it is not open, or its URL is another one."""
        try:
            url = self.config.database_url_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            self._fail(f"cannot read {self.config.database_url_file}: {type(error).__name__}")
            return
        mark = hashlib.sha256(url.encode()).hexdigest()
        if self._store is not None and mark == self._opened:
            return
        try:
            store = await MemoryStore.open(
                url,
                embedder=self._embedder,
                pool_size=self.config.connections,
                pool_timeout_s=_POOL_WAIT_S,
                statement_timeout_s=_STATEMENT_S,
            )
        except (EchoMemoryError, ValueError) as error:
            # A URL that is none is named by the driver, with the password in it.
            self._fail(str(error) if isinstance(error, EchoMemoryError) else "the URL of the memory store is none")
            return
        before, self._store, self._opened, self.problem = self._store, store, mark, ""
        self._known.clear()
        self._closed_until = 0.0
        self._failed = False
        event("memory_opened", again=before is not None)
        if before is not None:
            await before.close()

    async def close(self) -> None:
        """Close the store."""
        if self._store is not None:
            await self._store.close()
            self._store = None

    def _fail(self, problem: str) -> None:
        if problem != self.problem:
            event("memory_not_opened", level=logging.WARNING, cause=problem)
        if self._store is None:
            self.problem = problem
