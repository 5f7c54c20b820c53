"""Kill -9 in the middle of what changes the store by itself: the migrations' Job, and consolidation in a service's pod.

That each part of both is one transaction is proved in detail on a bare PostgreSQL, by tests/memory. Here it is the
Job that tries again, and the store as it stands in the cluster.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from components.memory import schema_objects as schema
from echo.migrations import LATEST
from tests.faults.table import Table
from tests.memory_store.remembering import remember
from tests.support.kube import Kube, wait_for
from tests.support.memory_client import MemoryClient
from tests.support.memory_service import POD, PYTHON, MemoryService

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

KILLS = 2
AGAIN = "memory-migrations-again"
EMPTY = """
DROP SCHEMA echo CASCADE;
CREATE SCHEMA echo;
CREATE TABLE echo.schema_versions (version integer PRIMARY KEY, name text NOT NULL, checksum text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now());
"""
HOLD = "BEGIN; LOCK TABLE echo.schema_versions IN SHARE MODE; SELECT pg_sleep(1800)"
"""Readers pass, and the line that ends a step does not."""
LET_GO = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep(1800)%'"
HELD_UP = """
SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'INSERT INTO echo.schema_versions%'
"""


def test_the_migrations_are_killed_in_a_step(
    service: MemoryService, client: MemoryClient, kube: Kube, table: Table
) -> None:
    turn = table.turn(f"Migrations' Job killed (force) in the middle of a step, {KILLS} times")
    client.sql(EMPTY, who="owner")
    with _held(client), _job(kube, client.namespace) as job:
        turn.fault()
        killed: set[str] = set()
        for _ in range(KILLS):
            pod, backend = wait_for("a step is held up", lambda: _at_work(client, kube, killed), 300)
            killed.add(pod)
            kube.delete(f"/api/v1/namespaces/{client.namespace}/pods/{pod}", grace_s=0)
            gone = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {int(backend)}"  # noqa: S608
            wait_for("its step is taken back", lambda gone=gone: client.sql(gone, who="owner") == "0", 240)
            assert client.sql("SELECT to_regclass('echo.memories') IS NULL", who="owner") == "t"
    done = wait_for("the Job has tried again and is done", lambda: _succeeded(kube, job), 300)
    turn.over()
    turn.saw(f"the Job went on by itself: {done}; the schema is at version {LATEST}")
    versions = client.sql("SELECT count(*), max(version) FROM echo.schema_versions", who="owner")
    assert versions == f"{LATEST}|{LATEST}"
    kube.delete(job)
    # Services have their rights again.
    assert remember(service, 0, 5).new == 5
    turn.right()


@contextmanager
def _held(client: MemoryClient) -> Generator[None]:
    holding = threading.Thread(target=lambda: client.try_sql(HOLD, who="owner", limit_s=1800))
    holding.start()
    try:
        wait_for("the table is held", lambda: client.sql(_HOLDERS, who="owner") == "1", 240)
        yield
    finally:
        client.sql(LET_GO, who="owner")
        holding.join(240)


_HOLDERS = "SELECT count(*) FROM pg_locks WHERE relation = 'echo.schema_versions'::regclass AND mode = 'ShareLock'"


@contextmanager
def _job(kube: Kube, namespace: str) -> Generator[str]:
    """The stack's own Job once more; yields its path."""
    jobs = f"/apis/batch/v1/namespaces/{namespace}/jobs"
    found = kube.get(f"{jobs}/{schema.job_name('memory')}")
    assert found is not None
    spec: dict[str, Any] = {key: found["spec"][key] for key in ("backoffLimit", "activeDeadlineSeconds")}
    template = found["spec"]["template"]
    labels = {key: value for key, value in template["metadata"]["labels"].items() if "controller-uid" not in key}
    labels = {key: value for key, value in labels.items() if "job-name" not in key}
    kube.create(
        jobs,
        {
            "metadata": {"name": AGAIN},
            "spec": {**spec, "template": {"metadata": {"labels": labels}, "spec": template["spec"]}},
        },
    )
    yield f"{jobs}/{AGAIN}"


def _at_work(client: MemoryClient, kube: Kube, killed: set[str]) -> tuple[str, str] | None:
    """The Job's pod that is not one of the killed, and the server's process for it, once its step waits."""
    pods = kube.items(f"/api/v1/namespaces/{client.namespace}/pods")
    called = [pod["metadata"]["name"] for pod in pods if pod["metadata"]["name"].startswith(AGAIN)]
    fresh = [name for name in called if name not in killed]
    waits = client.sql(HELD_UP, who="owner") if fresh else ""
    return (str(fresh[0]), waits) if waits else None


def _succeeded(kube: Kube, job: str) -> str | None:
    found = kube.get(job)
    assert found is not None
    failed = found["status"].get("failed", 0)
    return f"{failed} pods failed, one ended well" if found["status"].get("succeeded") else None


TIDY = """
import asyncio, json, os, pathlib, signal, sys
from echo.memory import ConsolidationPolicy, HashEmbedder, MemoryStore, NewMemory

async def main(name, left):
    url = pathlib.Path("/etc/echo-memory/url").read_text()
    async with await MemoryStore.open(url, embedder=HashEmbedder(64)) as store:
        await store.create_space(name, exist_ok=True)
        space = store.space(name)
        colours = ("red", "green", "blue", "grey")
        said = [f"the colour of door number {i} is {colour}" for i in range(12) for colour in colours]
        said += said[::4]
        await space.encode([NewMemory(content=one, session="s", idempotency_key=str(n)) for n, one in enumerate(said)])
        work = asyncio.create_task(space.consolidate(ConsolidationPolicy(batch=5)))
        while not work.done():
            if left >= 0 and (await space.backlog()).unexamined <= left:
                # In the middle: the next part has begun while this one was asked.
                os.kill(os.getpid(), signal.SIGKILL)
            await asyncio.sleep(0)
        report = await work
        print(json.dumps([report.examined, len(report.merged)]))

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""
TIDIED = """
SELECT md5(string_agg(line, ',' ORDER BY line)) FROM (
    SELECT concat_ws('|', m.content, m.state, m.tier) AS line
    FROM echo.memories m JOIN echo.spaces s ON s.id = m.space_id WHERE s.name = '{0}'
    UNION ALL
    SELECT concat_ws('|', a.content, b.content, e.kind, round(e.weight::numeric, 4))
    FROM echo.associations e JOIN echo.spaces s ON s.id = e.space_id AND s.name = '{0}'
    JOIN echo.memories a ON a.space_id = s.id AND a.id = e.source
    JOIN echo.memories b ON b.space_id = s.id AND b.id = e.target) found
"""


def test_consolidation_is_killed(service: MemoryService, client: MemoryClient, table: Table) -> None:
    turn = table.turn("Consolidation killed (SIGKILL) in the middle, 3 times")
    turn.fault()
    examined = "SELECT count(*) FROM echo.memories m JOIN echo.spaces s ON s.id = m.space_id WHERE s.name = 'cut' "
    kills = 0
    for left in (55, 35, 15):
        ended = client.run(PYTHON, "-c", TIDY, "cut", str(left), pod=POD, namespace=service.namespace, limit_s=300)
        kills += ended.returncode == 137
        done = int(client.sql(f"{examined} AND m.examined_at IS NOT NULL", who="reader"))
        assert done % 5 == 0, "a part was half done"
    assert kills > 0
    last = json.loads(service.python(TIDY, "cut", "-1", limit_s=300))
    whole = json.loads(service.python(TIDY, "whole", "-1", limit_s=300))
    turn.over()
    assert whole[0] == 60
    assert 0 < last[0] < 60
    assert client.sql(TIDIED.format("cut"), who="reader") == client.sql(TIDIED.format("whole"), who="reader")
    turn.saw(f"killed {kills} times; the last run did the {last[0]} that were left, to the same memories and edges")
    turn.right()
