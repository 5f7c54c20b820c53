"""The PostgreSQL driver, with the types that it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, cast

import asyncpg


class Connection(Protocol):
    """As much of a connection as is used."""

    async def execute(self, query: str, *values: Any) -> str:
        """Run statements; returns the last one's tag."""
        ...

    async def fetch(self, query: str, *values: Any) -> list[Mapping[str, Any]]:
        """Run a statement and take its rows."""
        ...

    async def fetchrow(self, query: str, *values: Any) -> Mapping[str, Any] | None:
        """Run a statement and take its first row."""
        ...

    async def fetchval(self, query: str, *values: Any) -> Any:
        """Run a statement and take its first row's first value."""
        ...

    def transaction(self) -> AbstractAsyncContextManager[object]:
        """A transaction for a block."""
        ...

    async def close(self) -> None:
        """End the session."""
        ...


async def connect(url: str, *, timeout: float, server_settings: Mapping[str, str] | None = None) -> Connection:  # noqa: ASYNC109
    """Open a connection; ``postgresql+asyncpg://`` is taken too.

    Raises:
        OSError: nobody answers there.
        asyncpg.PostgresError: the server refuses.
    """
    plain = url.replace("postgresql+asyncpg://", "postgresql://", 1)
    settings = dict(server_settings) if server_settings is not None else None
    made: object = await cast("Any", asyncpg).connect(plain, timeout=timeout, server_settings=settings)
    return cast("Connection", made)


def sqlstate(error: BaseException | None) -> str:
    """The server's code for an error; empty where it gave none."""
    return str(getattr(error, "sqlstate", None) or "")
