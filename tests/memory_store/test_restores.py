"""Backups that are restored: a drill beside the store, and a store that begins as it was a second before a delete.

Not proved: a bucket outside the cluster, and the loss of a whole cluster.
"""

from __future__ import annotations

import base64
import datetime as dt
import time

import pytest

from cli.memory import backups, drill, record
from cli.memory.place import Store
from tests.faults.table import Table
from tests.memory_store.conftest import settings
from tests.memory_store.remembering import HELD, remember
from tests.support.kube import wait_for
from tests.support.memory_client import MemoryClient, memory_client
from tests.support.memory_service import MemoryService
from tests.support.stack import LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]


def test_a_drill_finds_the_copy_as_the_source_was(
    service: MemoryService, store: Store, client: MemoryClient, table: Table
) -> None:
    remember(service, 0, 600)
    turn = table.turn("Drill: restore beside the store, compare, delete")
    turn.fault()
    result = drill.run(store, lambda line: print(line, flush=True))
    turn.over()
    turn.saw(f"RPO {result.rpo_s:.0f} s, RTO {result.rto_s:.0f} s, {result.source.rows} rows")
    assert result.differences == []
    assert result.source.samples["echo.embeddings.embedding"][0] == 5
    kept = "SELECT count(*) FROM echo.memories WHERE content LIKE 'thing %'"
    assert int(client.sql(kept, who="reader")) >= 600
    # Kept by the store, as the reader, and neither by nor in the copy.
    (last,) = record.latest(store)
    assert (last.outcome, last.rows) == ("good", result.copy.rows)
    assert last.rto_s == pytest.approx(result.rto_s, abs=0.1)
    turn.right()


def test_the_state_is_lost_and_brought_back(stack: LiveStack, store: Store, table: Table) -> None:
    turn = table.turn("The stack's state lost, and brought back from an export")
    exported = stack.state()
    # Keys and passwords are in it, none of them in clear.
    keys = store.api.get(store.path("v1", "secrets", "memory-backups-keys"))
    assert keys is not None
    assert base64.b64decode(keys["data"]["password"]).decode() not in exported
    turn.fault()
    stack.lose_state()
    stack.bring_state(exported)
    assert set(stack.up().changes) == {"same"}
    turn.right()


def test_a_restore_to_the_second_before_a_delete(
    stack: LiveStack, store: Store, client: MemoryClient, service: MemoryService, table: Table
) -> None:
    kube = client.kube
    turn = table.turn("Restore to the second before a delete")
    remember(service, 0, 600)
    before = client.sql(HELD, who="reader")
    time.sleep(1)
    moment = dt.datetime.fromisoformat(client.sql("SELECT clock_timestamp()", who="owner"))
    time.sleep(1)
    client.sql("TRUNCATE echo.memories CASCADE", who="owner")
    assert client.sql("SELECT count(*) FROM echo.memories", who="reader") == "0"
    # Ends after the delete, so that the archive holds what comes after the moment.
    backups.make(store, print)
    generation = stack.configured["memory"].get("passwordGeneration", 0)
    stack.configure(
        settings(
            passwordGeneration=generation, name="memory-2", recovery={"source": "memory", "time": moment.isoformat()}
        )
    )
    turn.fault()
    stack.up()
    turn.over()
    kube.delete(f"/api/v1/namespaces/{client.namespace}/pods/memory-client", grace_s=0)
    wait_for("the old client is gone", lambda: kube.pod(client.namespace, "memory-client") is None, 240)
    with memory_client(kube, client.kubeconfig, client.namespace, store="memory-2") as again:
        assert again.sql(HELD, who="reader") == before
    # A service goes on where it was, once the kubelet has brought it the new address.
    wait_for("a service remembers again", lambda: _goes_on(service), 420)
    turn.right()


def _goes_on(service: MemoryService) -> bool:
    host = "print(open('/etc/echo-memory/url').read().split('@')[1])"
    if "memory-2-rw" not in service.python(host):
        return False
    assert remember(service, 0, 600).new == 0
    return True
