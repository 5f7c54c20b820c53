"""Connections to the store, each transaction bound to one space."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import asyncpg
import numpy as np
from numpy.typing import NDArray
from pgvector import Vector as PgVector
from pgvector.asyncpg import register_vector  # pyright: ignore[reportUnknownVariableType]
from sqlalchemy import bindparam, text
from sqlalchemy.engine import Row
from sqlalchemy.exc import DBAPIError, InterfaceError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql.elements import TextClause
from sqlalchemy.types import NullType

from echo.driver import Connection, connect, sqlstate
from echo.memory.errors import StoreUnavailableError

_PARAMETER = re.compile(r"(?<![:\w]):([a-z_]+)\b")
_TRANSIENT = ("08", "28", "3D", "53", "57", "58", "40", "25006", "55P03")
"""SQLSTATE classes that say: the server is going, full, read-only, lets nobody in or gave this transaction up."""
_CONNECT_S = 10.0


class Database:
    """A pool of connections as the service's role, which row-level security binds."""

    def __init__(self, url: str, *, pool_size: int, pool_timeout_s: float, statement_timeout_s: float) -> None:
        self._url = url
        self._statement_timeout_s = statement_timeout_s
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=pool_timeout_s,
            # After a failover the pool holds connections to a server that is gone.
            pool_pre_ping=True,
            # Or an error's text would carry memories into logs.
            hide_parameters=True,
        )

    async def _connect(self) -> Connection:
        connection = await connect(
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
        await register_vector(cast("Any", connection))
        return connection

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncGenerator[AsyncConnection]:
        """One transaction, which sees no space yet.

        Args:
            snapshot: see everything as it was at the first statement.

        Raises:
            StoreUnavailableError: the server cannot be reached, or gave the transaction up.
        """
        with store_errors():
            async with self.engine.begin() as connection:
                if snapshot:
                    await run(connection, "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
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
        state = sqlstate(error.orig)
        if error.connection_invalidated or state.startswith(_TRANSIENT):
            raise StoreUnavailableError(f"the memory store gave up ({state or 'connection lost'})") from error
        raise
    except (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError) as error:
        raise StoreUnavailableError(f"the memory store cannot be reached: {error}") from error
    except asyncpg.PostgresError as error:
        if sqlstate(error).startswith(_TRANSIENT):
            raise StoreUnavailableError(f"the memory store gave up ({sqlstate(error)})") from error
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


def fields(row: Row[Any]) -> dict[str, Any]:
    """A row's columns by their names."""
    return dict(zip(row._fields, row, strict=True))  # pyright: ignore[reportPrivateUsage]


def wrapped(vectors: Sequence[NDArray[np.float32]]) -> list[PgVector]:
    """Vectors as elements of one array parameter; bare ones would be taken for its further dimensions."""
    return [PgVector(vector) for vector in vectors]


@functools.lru_cache(maxsize=256)
def _statement(sql: str) -> TextClause:
    # Without a type, so that the driver asks the server for each parameter's: guessed from the value, a time with a
    # zone becomes one without.
    names = dict.fromkeys(_PARAMETER.findall(sql))
    return text(sql).bindparams(*(bindparam(name, type_=NullType()) for name in names))
