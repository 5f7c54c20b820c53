"""How drills ended, kept by the real schema: by whom it is written, who reads it, and what the exporter asks.

Not proved: that `echorator drill` gets there through the cluster; `make drill OF=memory` shows that.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from cli.memory.record import LIST, Drilled, statement
from components.memory.queries import QUERIES
from echo.driver import Connection, connect
from tests.memory.conftest import Urls

pytestmark = pytest.mark.anyio

GOOD = Drilled(took_s=66.0, outcome="good", rows=11, rpo_s=45.0, rto_s=46.25)
FAILED = Drilled(took_s=3.0, outcome="failed")


@asynccontextmanager
async def acting_as(urls: Urls, role: str) -> AsyncGenerator[Connection]:
    connection = await connect(urls.superuser, timeout=30)
    try:
        await connection.execute(f"SET ROLE {role}")
        yield connection
    finally:
        await connection.close()


async def told(urls: Urls, name: str) -> dict[str, float]:
    """What the exporter would tell by a query, in its role; nothing where it finds no row."""
    query, columns, more = QUERIES[name]
    async with acting_as(urls, "pg_monitor") as monitor:
        assert await monitor.fetchval(more["predicate_query"]) is True
        rows = await monitor.fetch(query)
    return {key: float(row[key]) for row in rows for key in columns}


async def test_who_reads_everything_keeps_drills_and_lists_them(urls: Urls) -> None:
    async with acting_as(urls, "pg_read_all_data") as reader:
        assert json.loads(await reader.fetchval(LIST)) == {"drills": []}
        for one in (GOOD, FAILED):
            await reader.execute(statement(one))
        kept = [Drilled.of(one) for one in json.loads(await reader.fetchval(LIST))["drills"]]
    assert [(one.outcome, one.rows, one.took_s) for one in kept] == [("failed", None, 3.0), ("good", 11, 66.0)]
    assert (kept[1].rpo_s, kept[1].rto_s) == (45.0, 46.2)
    assert all(one.ended is not None and one.ended.tzinfo is not None for one in kept)


async def test_the_exporter_tells_of_the_last_one_and_of_the_last_good_one(urls: Urls) -> None:
    assert await told(urls, "memory_drill") == {} == await told(urls, "memory_drill_good")
    async with acting_as(urls, "pg_read_all_data") as reader:
        await reader.execute(statement(GOOD))
        assert (await told(urls, "memory_drill"))["succeeded"] == 1
        await reader.execute(statement(FAILED))
    assert (await told(urls, "memory_drill"))["succeeded"] == 0
    good = await told(urls, "memory_drill_good")
    assert (good["rpo_seconds"], good["rto_seconds"]) == (45.0, 46.2)
    assert good["ended_timestamp_seconds"] < (await told(urls, "memory_drill"))["ended_timestamp_seconds"]


async def test_before_the_table_is_there_the_exporter_asks_nothing(empty_urls: Urls) -> None:
    async with acting_as(empty_urls, "pg_monitor") as monitor:
        assert await monitor.fetchval(QUERIES["memory_drill"][2]["predicate_query"]) is False


@pytest.mark.parametrize(
    "wish",
    [
        statement(GOOD),
        "SELECT * FROM echo.drills",
        "DELETE FROM echo.drills",
        "INSERT INTO echo.drills (ended, took_seconds, outcome) VALUES (now(), 1, 'good')",
    ],
)
async def test_a_service_has_nothing_to_say_of_drills(urls: Urls, wish: str) -> None:
    service = await connect(urls.service, timeout=30)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await service.execute(wish)
    finally:
        await service.close()


async def test_the_reader_and_the_exporter_change_nothing(urls: Urls) -> None:
    for role in ("pg_read_all_data", "pg_monitor"):
        async with acting_as(urls, role) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute("DELETE FROM echo.drills")
    async with acting_as(urls, "pg_monitor") as monitor:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await monitor.execute("SELECT * FROM echo.memories")
