"""The memory store under faults: its database killed under load and in mid-backup, Redis lost.

One node, one instance: what is shown is that nothing acknowledged is lost or doubled by a crash, and what a restart
costs. That another instance takes over is in test_instances.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cli.exits import CliError
from cli.memory import backups
from cli.memory.place import Store
from components.memory import names
from tests.faults.table import Table
from tests.memory_store.crashing import crash
from tests.memory_store.remembering import HELD, remember
from tests.support.kube import Kube, wait_for
from tests.support.memory_client import MemoryClient
from tests.support.memory_service import MemoryService

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("ECHORATOR_FAULT_KILLS", "20"))
WRITERS = 4
LOAD = (Path(__file__).parent / "memory_load.py").read_text()
POD = "memory-1"


def test_the_primary_is_killed_under_load(
    service: MemoryService, client: MemoryClient, kube: Kube, table: Table
) -> None:
    turn = table.turn(f"Database killed (SIGKILL) under load, {KILLS} times")
    # Ended by the file, whenever the kills are over.
    with service.start(LOAD, str(WRITERS)) as load_:
        load_.wait_for("something is acknowledged", lambda told: told["acknowledged"] > 0)
        for _ in range(KILLS):
            before = load_.told["acknowledged"]
            pod = kube.wait_ready(client.namespace, POD, limit_s=300)
            turn.fault()
            crash(kube, client.namespace, POD)
            kube.wait_ready(client.namespace, POD, other_than=pod["metadata"]["uid"], limit_s=300)
            load_.wait_for("more is acknowledged", lambda told, least=before: told["acknowledged"] > least + 20)
        told = load_.end()
    turn.saw(
        f"{told['acknowledged']} acknowledged, {told['again']} tried again, {told['lost']} lost, "
        f"{told['doubled']} doubled; pauses {sorted(told['pauses'])}"
    )
    assert told["lost"] == 0
    assert told["doubled"] == 0
    # What was written and not acknowledged may be there besides: one of each writer at most.
    assert 0 <= told["held"] - told["acknowledged"] <= WRITERS, told
    total, distinct, _ = client.sql(f"{HELD} WHERE session = 'load'", who="reader").split("|")
    assert total == distinct
    turn.right()


def test_redis_is_lost(service: MemoryService, client: MemoryClient, kube: Kube, table: Table) -> None:
    turn = table.turn("Redis lost")
    assert remember(service, 0, 1).working
    deployment = f"/apis/apps/v1/namespaces/{client.namespace}/deployments/{names.REDIS}"
    turn.fault()
    kube.patch(deployment, {"spec": {"replicas": 0}})
    # Ends by its own; what is asked of it until then may still be answered.
    wait_for("Redis is gone", lambda: not _pods(kube, client.namespace, names.REDIS), 240)
    told = remember(service, 1000, 1010)
    assert (told.new, told.working, told.in_mind) == (10, False, 0)
    assert told.problem
    kube.patch(deployment, {"spec": {"replicas": 1}})
    wait_for("Redis is back", lambda: remember(service, 0, 1).working, 300)
    turn.over()
    turn.saw(f"long-term memory went on; working memory said: {told.problem}")
    turn.right()


def test_a_backup_is_cut_off(store: Store, client: MemoryClient, kube: Kube, table: Table) -> None:
    turn = table.turn("Database killed in mid-backup")
    name = backups.begin(store)
    wait_for("the backup runs", lambda: _phase(store, name) in ("running", "completed", "failed"), 240)
    pod = kube.wait_ready(client.namespace, POD, limit_s=300)
    turn.fault()
    crash(kube, client.namespace, POD)
    kube.wait_ready(client.namespace, POD, other_than=pod["metadata"]["uid"], limit_s=300)
    try:
        # It may have been whole already when the kill came. What still says that it runs is begun again by the operator
        # when it next looks, ten minutes later.
        backups.wait(store, name, 1200)
        ended = "it ended whole"
    except CliError as error:
        ended = "told as failed" if "failed" in str(error) else "never ended"
    # Whatever became of that one, the next is whole.
    backups.make(store, print)
    turn.over()
    turn.saw(f"{ended}; the next one was whole")
    assert ended != "never ended"
    turn.right()


def _phase(store: Store, name: str) -> str:
    return next(one.phase for one in backups.all_of(store) if one.name == name)


def _pods(kube: Kube, namespace: str, begins: str) -> list[str]:
    pods = kube.items(f"/api/v1/namespaces/{namespace}/pods")
    return [str(pod["metadata"]["name"]) for pod in pods if pod["metadata"]["name"].startswith(f"{begins}-")]
