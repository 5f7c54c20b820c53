"""``python -m echo.migrations``: bring the database's schema to the version of this code.

``up`` runs the steps, ``status`` lists them, ``indexes`` builds the HNSW indexes that large spaces lack.

The database is named by ``ECHO_DATABASE_URL`` (a file that holds the URL: ``ECHO_DATABASE_URL_FILE``), with the role
that owns the schema; ``ECHO_SERVICE_ROLE`` is the role that the service logs in with.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path

import asyncpg

from echo.driver import Connection, connect
from echo.migrations import indexes
from echo.migrations.runner import MigrationError, migrate, status
from echo.migrations.steps import LATEST

MEMORY = "1GB"
"""Of the database, that building one index may take."""
_PAUSE_S = 1.0


def database_url() -> str:
    """The URL of the database.

    Raises:
        MigrationError: it is not given.
    """
    file = os.environ.get("ECHO_DATABASE_URL_FILE")
    url = Path(file).read_text(encoding="utf-8").strip() if file is not None else os.environ.get("ECHO_DATABASE_URL")
    if not url:
        raise MigrationError(
            "no database is named: set ECHO_DATABASE_URL to postgresql://OWNER:PASSWORD@HOST/DATABASE?sslmode=verify-full"
        )
    return url


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


async def _reached(url: str, wait_s: float) -> Connection:
    """A connection, of a database that may not answer yet.

    Raises:
        OSError: it did not within ``wait_s``.
        asyncpg.PostgresError: it answers, and refuses.
    """
    until = time.monotonic() + wait_s
    while True:
        try:
            return await connect(url, timeout=30)
        except (OSError, asyncpg.CannotConnectNowError):
            if time.monotonic() >= until:
                raise
            await asyncio.sleep(_PAUSE_S)


async def run(command: str, role: str | None, memory: str = MEMORY, wait_s: float = 0.0) -> int:
    """Run one command; returns the exit code."""
    connection = await _reached(database_url(), wait_s)
    try:
        if command == "status":
            done = await status(connection)
            for one in done:
                sys.stdout.write(f"{one.version} {one.name}\n")
            behind = LATEST - max((one.version for one in done), default=0)
            sys.stdout.write("the schema is up to date\n" if behind <= 0 else f"{behind} steps are to be run\n")
            return 0 if behind <= 0 else 3
        if command == "indexes":
            done = await indexes.build(connection, memory=memory, say=_say)
            _say(f"{len(done)} indexes were built")
            return 0
        version = await migrate(connection, service_role=role, say=_say)
        sys.stdout.write(f"the schema is at version {version}\n")
        return 0
    finally:
        await connection.close()


def main() -> int:
    """Parse the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m echo.migrations", description=__doc__)
    parser.add_argument("command", nargs="?", default="up", choices=("up", "status", "indexes"))
    parser.add_argument("--service-role", default=os.environ.get("ECHO_SERVICE_ROLE"))
    parser.add_argument("--memory", default=MEMORY, help="of the database, that building one index may take")
    parser.add_argument("--wait", type=float, default=0.0, help="seconds that a database may take to answer at all")
    given = parser.parse_args()
    try:
        return asyncio.run(run(given.command, given.service_role, given.memory, given.wait))
    except (MigrationError, OSError, asyncpg.PostgresError) as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
