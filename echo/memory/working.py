"""Working memory: what is in mind now, in Redis; it may be lost, and then that is said and survived."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from echo.memory.checks import Checker, space_name
from echo.memory.clock import Clock, system_clock
from echo.memory.limits import Limits

CAPACITY = 20
"""Items of one session that are kept in mind."""
TTL_S = 3_600


@dataclass(frozen=True, kw_only=True)
class WorkingItem:
    """One thing in mind."""

    content: str
    at: datetime
    attention: float = 0.5
    """0 to 1."""
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, kw_only=True)
class WorkingMemoryReport:
    """What is in mind, and whether that can be relied on."""

    items: tuple[WorkingItem, ...]
    """Latest first."""
    available: bool
    """False where Redis could not be reached: then there are no items, which says nothing."""
    problem: str = ""


class WorkingMemory:
    """The active context of each session: the last items, for a while.

    Redis may be absent. Then every call says so in what it returns and raises nothing for it: the long-term memory
    goes on without.
    """

    def __init__(
        self,
        redis: Redis | None,
        *,
        clock: Clock = system_clock,
        limits: Limits | None = None,
        capacity: int = CAPACITY,
        ttl_s: int = TTL_S,
    ) -> None:
        """Prepare it.

        Args:
            redis: a client with short timeouts of its own; None where there is no Redis.
            clock: tells the time.
            limits: bounds on inputs.
            capacity: items of a session that are kept.
            ttl_s: seconds after the last item that a session is forgotten.
        """
        self._redis = redis
        self._clock = clock
        self._limits = limits if limits is not None else Limits()
        self._capacity = capacity
        self._ttl_s = ttl_s

    @classmethod
    def connect(cls, url: str | None, **options: Any) -> WorkingMemory:
        """A working memory at a URL (``rediss://USER:PASSWORD@HOST:PORT/0?ssl_ca_certs=FILE``), or without one."""
        if url is None:
            return cls(None, **options)
        client: Redis = Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)  # pyright: ignore[reportUnknownMemberType]
        return cls(client, **options)

    async def push(
        self,
        space: str,
        session: str,
        content: str,
        *,
        attention: float = 0.5,
        metadata: Mapping[str, Any] | None = None,
    ) -> WorkingMemoryReport:
        """Take something in mind; what is beyond the capacity drops out. Returns what is in mind then.

        Raises:
            InvalidInputError: what is given cannot be kept.
        """
        checker = Checker(self._limits)
        key = self._key(checker, space, session)
        item = {
            "content": checker.text("content", content, most_bytes=self._limits.content_bytes, empty=False),
            "at": self._clock().isoformat(),
            "attention": checker.number("attention", attention, 0, 1),
        }
        document = checker.document(
            "metadata", metadata if metadata is not None else {}, most_bytes=self._limits.metadata_bytes
        )
        checker.done()
        line = json.dumps({**item, "metadata": json.loads(document)}, ensure_ascii=False)
        if self._redis is None:
            return _ABSENT
        try:
            async with self._redis.pipeline(transaction=True) as pipe:
                pipe.lpush(key, line)
                pipe.ltrim(key, 0, self._capacity - 1)
                pipe.expire(key, self._ttl_s)
                pipe.lrange(key, 0, self._capacity - 1)
                done = await pipe.execute()
        except (RedisError, OSError) as error:
            return _lost(error)
        return _report(done[-1])

    async def items(self, space: str, session: str) -> WorkingMemoryReport:
        """What is in mind, latest first."""
        checker = Checker(self._limits)
        key = self._key(checker, space, session)
        checker.done()
        if self._redis is None:
            return _ABSENT
        try:
            found = await self._redis.lrange(key, 0, self._capacity - 1)  # pyright: ignore[reportGeneralTypeIssues,reportUnknownVariableType]
        except (RedisError, OSError) as error:
            return _lost(error)
        return _report(found)  # pyright: ignore[reportUnknownArgumentType]

    async def clear(self, space: str, session: str) -> WorkingMemoryReport:
        """Put everything out of mind."""
        checker = Checker(self._limits)
        key = self._key(checker, space, session)
        checker.done()
        if self._redis is None:
            return _ABSENT
        try:
            await self._redis.delete(key)
        except (RedisError, OSError) as error:
            return _lost(error)
        return WorkingMemoryReport(items=(), available=True)

    async def close(self) -> None:
        """Close the connection."""
        if self._redis is not None:
            await self._redis.aclose()

    def _key(self, checker: Checker, space: str, session: str) -> str:
        return f"echo:working:{space_name(space, self._limits)}:{checker.label('session', session)}"


def _report(lines: Sequence[bytes | str]) -> WorkingMemoryReport:
    items: list[WorkingItem] = []
    for line in lines:
        try:
            item = json.loads(line)
            items.append(
                WorkingItem(
                    content=item["content"], at=datetime.fromisoformat(item["at"]), attention=item["attention"],
                    metadata=item["metadata"],
                )
            )  # fmt: skip
        except (ValueError, KeyError, TypeError) as error:
            return _lost(error)
    return WorkingMemoryReport(items=tuple(items), available=True)


def _lost(error: Exception) -> WorkingMemoryReport:
    return WorkingMemoryReport(
        items=(), available=False, problem=f"working memory is lost for now ({type(error).__name__})"
    )


_ABSENT = WorkingMemoryReport(items=(), available=False, problem="there is no working memory: no Redis is set")
