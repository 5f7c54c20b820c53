"""The schema's steps on a real PostgreSQL: each from the one before, twice, at once, after a kill, beside old work.

That a service of an earlier release goes on needs an earlier release; until there is one, it is proved that a step
waits for running transactions and does not lock them out, and that steps only add.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from echo.driver import Connection, connect
from echo.memory import HashEmbedder, MemoryStore, SchemaOutdatedError
from echo.migrations import LATEST, MigrationError, Step, migrate, status, steps
from tests.memory.conftest import SetClock, Urls
from tests.support.postgres import SERVICE, Postgres
from tests.support.processes import free_port

pytestmark = pytest.mark.anyio

CATALOGUE = """
SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable AS line
FROM information_schema.columns WHERE table_schema = 'echo'
UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'echo'
UNION ALL SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'echo'::regnamespace
UNION ALL SELECT tablename || policyname || qual FROM pg_policies WHERE schemaname = 'echo' AND qual IS NOT NULL
ORDER BY 1
"""


def _quiet(_: str) -> None:
    return


async def _catalogue(connection: Connection) -> list[str]:
    return [row["line"] for row in await connection.fetch(CATALOGUE)]


async def test_each_step_from_the_one_before_and_twice(empty_urls: Urls, urls: Urls) -> None:
    connection, whole = await connect(empty_urls.owner, timeout=30), await connect(urls.owner, timeout=30)
    try:
        assert await status(connection) == []
        for version in range(1, LATEST + 1):
            assert await migrate(connection, upto=version, say=_quiet) == version
            assert await migrate(connection, upto=version, say=_quiet) == version
        assert [one.version for one in await status(connection)] == list(range(1, LATEST + 1))
        assert await _catalogue(connection) == await _catalogue(whole)
    finally:
        await connection.close()
        await whole.close()


_NOTE_OF_BEFORE = """
INSERT INTO echo.spaces (name, embedding_model, width, created_at) VALUES ('home', 'hash-8', 8, now());
INSERT INTO echo.memories (
    space_id, id, kind, tier, content, terms, words, importance, valence, arousal, dominance, complexity,
    occurred_at, recorded_at, changed_at, valid_from, tags
)
SELECT id, gen_random_uuid(), 'episodic', 'working', 'note', 'note', 1, 0, 0, 0, 0, 0, now(), now(), now(), now(),
    '{old,older}'
FROM echo.spaces;
"""


async def test_tags_of_before_are_found_by_afterwards(empty_urls: Urls) -> None:
    owner, other = await connect(empty_urls.owner, timeout=30), await connect(empty_urls.superuser, timeout=30)
    try:
        await migrate(owner, service_role=SERVICE, upto=8, say=_quiet)
        await other.execute(_NOTE_OF_BEFORE)
        await migrate(owner, service_role=SERVICE, say=_quiet)
        rows = await other.fetch(
            "SELECT tag FROM echo.memory_tags JOIN echo.memories m ON m.id = memory_id ORDER BY tag"
        )
        assert [row["tag"] for row in rows] == ["old", "older"]
    finally:
        await owner.close()
        await other.close()


async def test_several_runners_at_once(empty_urls: Urls) -> None:
    connections = [await connect(empty_urls.owner, timeout=30) for _ in range(4)]
    try:
        told: list[str] = []
        assert await asyncio.gather(*(migrate(one, say=told.append) for one in connections)) == [LATEST] * 4
        assert len(told) == LATEST
    finally:
        for one in connections:
            await one.close()


async def test_a_step_that_fails_leaves_the_one_before(empty_urls: Urls) -> None:
    connection = await connect(empty_urls.owner, timeout=30)
    try:
        await migrate(connection, say=_quiet)
        before = await _catalogue(connection)
        broken = [*steps(), Step(LATEST + 1, "broken", "CREATE TABLE echo.half (a int); SELECT 1 / 0;")]
        with pytest.raises(Exception, match="division by zero"):
            await migrate(connection, todo=broken, say=_quiet)
        assert await _catalogue(connection) == before
        mended = [*steps(), Step(LATEST + 1, "mended", "CREATE TABLE echo.half (a int);")]
        assert await migrate(connection, todo=mended, say=_quiet) == LATEST + 1
    finally:
        await connection.close()


async def test_a_runner_that_is_killed_in_a_step_leaves_nothing_and_no_lock(empty_urls: Urls) -> None:
    connection, watcher = await connect(empty_urls.owner, timeout=30), await connect(empty_urls.superuser, timeout=30)
    slow = [*steps(), Step(LATEST + 1, "slow", "CREATE TABLE echo.half (a int); SELECT pg_sleep(60);")]
    try:
        await migrate(connection, say=_quiet)
        pid = await connection.fetchval("SELECT pg_backend_pid()")
        running = asyncio.create_task(migrate(connection, todo=slow, say=_quiet))
        asleep = "SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'"
        while await watcher.fetchval(asleep, pid) == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        await watcher.execute("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(Exception, match=r"terminat|closed"):
            await running
        again = await connect(empty_urls.owner, timeout=30)
        try:
            assert await again.fetchval("SELECT to_regclass('echo.half')") is None
            assert await migrate(again, say=_quiet) == LATEST
        finally:
            await again.close()
    finally:
        await connection.close()
        await watcher.close()


RUNNER = """
import asyncio, sys
from echo.driver import connect
from echo.migrations import LATEST, Step, migrate, steps

async def main(url, sql):
    await migrate(await connect(url, timeout=30), todo=[*steps(), Step(LATEST + 1, "slow", sql)])

asyncio.run(main(*sys.argv[1:]))
"""


async def test_kill_nine_of_a_runner_in_a_step(empty_urls: Urls) -> None:
    """The process is killed; the next one does the step from its beginning, and waits for nothing that it left."""
    slow = "CREATE TABLE echo.half (a int); INSERT INTO echo.half VALUES (1); SELECT pg_sleep(600);"
    watcher = await connect(empty_urls.superuser, timeout=30)
    asleep = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event = 'PgSleep'"
    try:
        for _ in range(2):
            runner = await asyncio.create_subprocess_exec(sys.executable, "-c", RUNNER, empty_urls.owner, slow)
            try:
                while runner.returncode is None and not await watcher.fetchval(asleep, empty_urls.name):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
                assert runner.returncode is None
            finally:
                if runner.returncode is None:
                    runner.kill()
                await runner.wait()
            assert await watcher.fetchval("SELECT max(version) FROM echo.schema_versions") == LATEST
            while await watcher.fetchval(asleep, empty_urls.name):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert await watcher.fetchval("SELECT to_regclass('echo.half')") is None
        again = await connect(empty_urls.owner, timeout=30)
        try:
            whole = [*steps(), Step(LATEST + 1, "slow", slow.replace("600", "0"))]
            assert await migrate(again, todo=whole, say=_quiet) == LATEST + 1
            assert await again.fetchval("SELECT count(*) FROM echo.half") == 1
        finally:
            await again.close()
    finally:
        await watcher.close()


async def test_a_step_waits_for_a_running_transaction_without_locking_others_out(
    empty_urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("echo.migrations.runner._LOCK_TIMEOUT", "300ms")
    monkeypatch.setattr("echo.migrations.runner._PAUSE_S", 0.3)
    connection, old = await connect(empty_urls.owner, timeout=30), await connect(empty_urls.superuser, timeout=30)
    adding = [*steps(), Step(LATEST + 1, "add", "ALTER TABLE echo.memories ADD COLUMN later text NOT NULL DEFAULT '';")]
    told: list[str] = []
    try:
        await migrate(connection, say=_quiet)
        async with old.transaction():
            await old.execute("LOCK TABLE echo.memories IN ACCESS SHARE MODE")
            running = asyncio.create_task(migrate(connection, todo=adding, say=told.append))
            while not any("trying again" in line for line in told):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            # What comes later is not stuck behind the step for longer than its short wait for the lock.
            other = await connect(empty_urls.superuser, timeout=30)
            await asyncio.wait_for(other.execute("SELECT count(*) FROM echo.memories"), 20)
            await other.close()
        assert await running == LATEST + 1
    finally:
        await connection.close()
        await old.close()


async def test_a_step_that_changed_is_refused(empty_urls: Urls) -> None:
    connection = await connect(empty_urls.owner, timeout=30)
    try:
        first, *rest = steps()
        await migrate(connection, say=_quiet)
        changed = [Step(first.version, first.name, first.sql + "\n-- one more line"), *rest]
        with pytest.raises(MigrationError, match="a step never changes"):
            await migrate(connection, todo=changed, say=_quiet)
    finally:
        await connection.close()


async def test_a_newer_schema_is_left_alone(urls: Urls, clock: SetClock) -> None:
    connection = await connect(urls.owner, timeout=30)
    try:
        newer = [*steps(), Step(LATEST + 1, "newer", "ALTER TABLE echo.memories ADD COLUMN later text;")]
        await migrate(connection, todo=newer, say=_quiet)
        assert await migrate(connection, say=_quiet) == LATEST + 1
    finally:
        await connection.close()
    async with await MemoryStore.open(urls.service, embedder=HashEmbedder(8), clock=clock) as store:
        assert (await store.create_space("home")).width == 8


async def test_roles_that_cannot_serve_are_refused(urls: Urls, clock: SetClock) -> None:
    connection = await connect(urls.owner, timeout=30)
    try:
        for role, told in (("postgres", "passes row-level"), ("echo_owner", "owns the schema"), ("nobody_", "no role")):
            with pytest.raises(MigrationError, match=told):
                await migrate(connection, service_role=role, say=_quiet)
    finally:
        await connection.close()
    with pytest.raises(SchemaOutdatedError, match="row-level security"):
        await MemoryStore.open(urls.superuser, embedder=HashEmbedder(8), clock=clock)


async def test_a_store_without_the_schema_says_what_to_run(empty_urls: Urls, clock: SetClock) -> None:
    with pytest.raises(SchemaOutdatedError, match=r"python -m echo\.migrations"):
        await MemoryStore.open(empty_urls.service, embedder=HashEmbedder(8), clock=clock)


def test_the_command(empty_urls: Urls, tmp_path: Path) -> None:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        base = {"PATH": os.environ["PATH"]} | environment
        command = [sys.executable, "-m", "echo.migrations", *arguments]
        return subprocess.run(command, env=base, capture_output=True, text=True, check=False, timeout=100)

    file = tmp_path / "url"
    file.write_text(empty_urls.owner + "\n")
    named = {"ECHO_DATABASE_URL_FILE": str(file)}
    assert run("status", **named).returncode == 3
    first = run(ECHO_SERVICE_ROLE=SERVICE, **named)
    assert (first.returncode, first.stderr) == (0, "")
    assert f"the schema is at version {LATEST}" in first.stdout
    assert run("up", **named).stdout == f"the schema is at version {LATEST}\n"
    assert run("indexes", **named).stdout == "0 indexes were built\n"
    assert run("status", **named).returncode == 0
    nothing = run()
    assert nothing.returncode == 1
    assert "ECHO_DATABASE_URL" in nothing.stderr
    gone = run(ECHO_DATABASE_URL=re.sub(r":\d+/", ":1/", empty_urls.owner))
    assert (gone.returncode, "Traceback" in gone.stderr) == (1, False)


async def test_a_database_that_does_not_answer_yet(empty_urls: Urls, postgres: Postgres) -> None:
    """As that of a pod whose network policies are not in force yet."""
    port = free_port()
    url = empty_urls.owner.replace(f":{postgres.port}/", f":{port}/")
    runner = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "echo.migrations", "status", "--wait", "100", env={**os.environ, "ECHO_DATABASE_URL": url}
    )
    # Long enough that it was refused, on all but a very slow machine.
    await asyncio.sleep(2)
    assert runner.returncode is None

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", postgres.port)
        await asyncio.gather(_copy(reader, to_server), _copy(from_server, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", port):
        assert await runner.wait() == 3


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while part := await reader.read(65_536):
            writer.write(part)
            await writer.drain()
    writer.close()


def test_steps_only_add() -> None:
    """An old service reads and writes what it knows; taking away waits for a release that nothing of it needs."""
    forbidden = re.compile(
        r"\b(DROP (TABLE|COLUMN|SCHEMA|CONSTRAINT)|RENAME|ALTER COLUMN \w+ (TYPE|SET NOT NULL)|TRUNCATE)\b"
    )
    for step in steps():
        assert forbidden.search(step.sql.upper()) is None, step.name
