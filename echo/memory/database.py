"""Connections to the store, each transaction bound to one space."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import asyncpg
from pgvector.asyncpg import register_vector  # pyright: ignore[reportUnknownVariableType]
from sqlalchemy import bindparam, text
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import NullType

from echo.memory.errors import StoreUnavailableError

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_TRANSIENT = ("08", "53", "57", "58", "40", "25006", "55P03")
"""SQLSTATE classes that say: the server is going, full, read-only or gave this transaction up."""
_CONNECT_S = 10.0


class Database:
    """A pool of connections as the service's role, which row-level security binds."""

    def __init__(self, url: str, *, pool_size: int, pool_timeout_s: float, statement_timeout_s: float) -> None:
        self._url = url.replace("postgresql+asyncpg://", "postgresql://", 1)
        self._statement_timeout_s = statement_timeout_s
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_timeout_s,
            # After a failover the pool holds connections to a server that is gone.
            pool_pre_ping=True,
        )

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._url,
            timeout=_CONNECT_S,
            server_settings={
                "application_name": "echo-memory",
                # A plan for any space cannot use the index of one.
                "plan_cache_mode": "force_custom_plan",
                "jit": "off",
                "statement_timeout": str(int(self._statement_timeout_s * 1000)),
                "idle_in_transaction_session_timeout": str(int(self._statement_timeout_s * 1000)),
            },
        )
        await register_vector(connection)
        return connection

    @asynccontextmanager
    async def transaction(self, space_id: int | None = None) -> AsyncGenerator[AsyncConnection]:
        """One transaction that sees one space; none for None.

        Raises:
            StoreUnavailableError: the server cannot be reached, or gave the transaction up.
        """
        with store_errors():
            async with self.engine.begin() as connection:
                if space_id is not None:
                    await run(connection, _ENTER, space=str(space_id))
                yield connection

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


@contextmanager
def store_errors() -> Generator[None]:
    """Turn what says "not now" into one error; other errors of the database pass."""
    try:
        yield
    except PoolTimeoutError as error:
        raise StoreUnavailableError("every connection to the memory store is in use; try again") from error
    except InterfaceError as error:
        raise StoreUnavailableError(f"the memory store cannot be used: {error.orig}") from error
    except DBAPIError as error:
        state = str(getattr(error.orig, "sqlstate", None) or "")
        if error.connection_invalidated or state.startswith(_TRANSIENT):
            raise StoreUnavailableError(f"the memory store gave up ({state or 'connection lost'})") from error
        raise
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError) as error:
        raise StoreUnavailableError(f"the memory store cannot be reached: {error}") from error
    except asyncpg.PostgresError as error:
        if str(error.sqlstate or "").startswith(_TRANSIENT):
            raise StoreUnavailableError(f"the memory store gave up ({error.sqlstate})") from error
        raise


async def run(connection: AsyncConnection, sql: str, **values: Any) -> None:
    """Run a statement."""
    await connection.execute(_statement(sql), values)


async def rows(connection: AsyncConnection, sql: str, **values: Any) -> Sequence[Row[Any]]:
    """Run a statement and take its rows."""
    return (await connection.execute(_statement(sql), values)).all()


async def one(connection: AsyncConnection, sql: str, **values: Any) -> Row[Any] | None:
    """Run a statement and take its first row."""
    return (await connection.execute(_statement(sql), values)).first()


@functools.lru_cache(maxsize=256)
def _statement(sql: str) -> TextClause:
    # Without a type, so that the driver asks the server for each parameter's: guessed from the value, a time with a
    # zone becomes one without.
    names = dict.fromkeys(_PARAMETER.findall(sql))
    return text(sql).bindparams(*(bindparam(name, type_=NullType()) for name in names))


_ENTER = "SELECT set_config('echo.space', :space, true)"
