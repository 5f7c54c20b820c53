"""Brings a database's schema to the latest version; safe to run twice, at once, and after a kill."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncpg

from echo.driver import Connection
from echo.migrations.steps import Step, steps

PGVECTOR = (0, 8, 4)
"""The oldest that is taken: 0.8.2 to 0.8.4 mend a damaged HNSW index and an overflow."""
_LOCK = 0x6563686F_6D656D00
"""Of the advisory lock that one runner holds; any number that nothing else in the database uses."""
_LOCK_TIMEOUT = "5s"
_ATTEMPTS = 12
_PAUSE_S = 2.0
_WATCH = "2s"
"""How often the server looks whether the runner is still there: the step of a killed one ends, and its lock is free."""

Say = Callable[[str], None]


class MigrationError(Exception):
    """The schema cannot be brought up, with what to do about it."""


@dataclass(frozen=True)
class Applied:
    """A step as the database remembers it."""

    version: int
    name: str
    checksum: str


async def migrate(
    connection: Connection,
    *,
    service_role: str | None = None,
    upto: int | None = None,
    todo: Sequence[Step] | None = None,
    say: Say = print,
) -> int:
    """Run the steps that the database lacks; returns the version it then has.

    Every step and its line in ``echo.schema_versions`` are one transaction, so a kill leaves the step done or not
    begun. A second runner waits for the first.

    Args:
        connection: of the role that owns the schema, not in a transaction.
        service_role: the role that the service logs in with; it is given what it needs, and must not be the owner.
        upto: the last version to run; the latest when None.
        todo: the steps; the project's when None.
        say: told of each step.

    Raises:
        MigrationError: pgvector is missing or old, a step changed since it ran, or a table stayed locked.
    """
    known = list(todo) if todo is not None else steps()
    await connection.execute("SELECT set_config('client_connection_check_interval', $1, false)", _WATCH)
    await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
    try:
        await _prepare(connection)
        before = await applied(connection)
        _unchanged(before, known)
        done = max((one.version for one in before), default=0)
        for step in known:
            if step.version <= done or (upto is not None and step.version > upto):
                continue
            await _run(connection, step, say)
            done = step.version
        if service_role is not None:
            await _grant(connection, service_role)
        return done
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", _LOCK)


async def status(connection: Connection) -> list[Applied]:
    """The steps that ran; none where the schema is not there."""
    if await connection.fetchval("SELECT to_regclass('echo.schema_versions')") is None:
        return []
    return await applied(connection)


async def applied(connection: Connection) -> list[Applied]:
    """The steps that ran, in order."""
    rows = await connection.fetch("SELECT version, name, checksum FROM echo.schema_versions ORDER BY version")
    return [Applied(row["version"], row["name"], row["checksum"]) for row in rows]


async def _prepare(connection: Connection) -> None:
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    except asyncpg.InsufficientPrivilegeError as error:
        raise MigrationError(
            "the database lacks the extension `vector`, and this role may not create it; "
            "have a superuser run: CREATE EXTENSION vector"
        ) from error
    except asyncpg.FeatureNotSupportedError as error:
        wanted = ".".join(map(str, PGVECTOR))
        raise MigrationError(f"this PostgreSQL has no pgvector; install pgvector {wanted} or later") from error
    found = await connection.fetchval("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
    if tuple(int(part) for part in found.split(".")[:3]) < PGVECTOR:
        wanted = ".".join(map(str, PGVECTOR))
        raise MigrationError(
            f"pgvector is {found}; {wanted} or later is needed: install it, then ALTER EXTENSION vector UPDATE"
        )
    await connection.execute("CREATE SCHEMA IF NOT EXISTS echo")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS echo.schema_versions (version integer PRIMARY KEY, name text NOT NULL, "
        "checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
    )


def _unchanged(before: Sequence[Applied], known: Sequence[Step]) -> None:
    mine = {step.version: step for step in known}
    for one in before:
        # A version above ours ran with a newer release: forward steps only add, so it is left alone.
        step = mine.get(one.version)
        if step is not None and step.checksum != one.checksum:
            raise MigrationError(
                f"step {one.version} ({one.name}) ran here with another text; a step never changes: put the old text "
                "back and write a new step"
            )


async def _run(connection: Connection, step: Step, say: Say) -> None:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            await _once(connection, step)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError) as error:
            if attempt == _ATTEMPTS:
                raise MigrationError(
                    f"step {step.version} ({step.name}) could not lock a table in {_ATTEMPTS} attempts; "
                    "a long transaction holds it: see pg_stat_activity, then run this again"
                ) from error
            # Waiting in the lock's queue would make every query behind it wait too.
            say(f"step {step.version} ({step.name}): a table is in use, trying again")
            await asyncio.sleep(_PAUSE_S)
        else:
            say(f"step {step.version} ({step.name}): done")
            return


async def _once(connection: Connection, step: Step) -> None:
    note = "INSERT INTO echo.schema_versions (version, name, checksum) VALUES ($1, $2, $3)"
    if not step.transactional:
        await connection.execute(step.sql)
        await connection.execute(note, step.version, step.name, step.checksum)
        return
    async with connection.transaction():
        await connection.execute("SELECT set_config('lock_timeout', $1, true)", _LOCK_TIMEOUT)
        await connection.execute(step.sql)
        await connection.execute(note, step.version, step.name, step.checksum)


async def _grant(connection: Connection, role: str) -> None:
    row = await connection.fetchrow("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = $1", role)
    if row is None:
        raise MigrationError(f"there is no role {role!r}; create it, or name the one that the service logs in with")
    if row["rolsuper"] or row["rolbypassrls"]:
        raise MigrationError(f"the role {role!r} passes row-level security by; take a role without such rights")
    if role == await connection.fetchval("SELECT current_user"):
        raise MigrationError(f"the role {role!r} owns the schema; the service needs a role of its own")
    quoted = await connection.fetchval("SELECT quote_ident($1)", role)
    async with connection.transaction():
        await connection.execute(f"GRANT USAGE ON SCHEMA echo TO {quoted}")
        await connection.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA echo TO {quoted}")
        await connection.execute(f"REVOKE INSERT, UPDATE, DELETE ON echo.schema_versions FROM {quoted}")
        # Of an earlier schema it is not there.
        if await connection.fetchval("SELECT to_regclass('echo.drills') IS NOT NULL"):
            await connection.execute(f"REVOKE ALL ON echo.drills FROM {quoted}")
