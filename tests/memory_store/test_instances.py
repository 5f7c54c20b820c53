"""Three instances with synchronous replicas: the primary is killed under load, and another one takes over.

All of them stand on the one node, which the anti-affinity (preferred) allows. Not proved: a node that dies with its
disk, and a network that parts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.memory import names
from tests.faults.table import Table
from tests.memory_store.conftest import settings
from tests.memory_store.crashing import crash
from tests.memory_store.test_faults import KILLS, LOAD, WRITERS
from tests.support.kube import Kube, wait_for
from tests.support.memory_client import memory_client
from tests.support.memory_service import memory_service
from tests.support.stack import Engine, LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

TAKEN_OVER = min(KILLS, 3)
STANDBYS = "SELECT count(*) FILTER (WHERE sync_state = 'quorum'), count(*) FROM pg_stat_replication"
NAMED = "SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names')"


def test_a_lost_primary_is_replaced_and_nothing_acknowledged_is_lost(
    make_stack: Callable[[str], LiveStack], kube: Kube, engine: Engine, table: Table
) -> None:
    stack = make_stack("three")
    stack.configure(settings(instances=3, redis={"enabled": False}, backups={"enabled": False}))
    stack.up()
    space = names.namespace(stack.name)
    path = f"/apis/postgresql.cnpg.io/v1/namespaces/{space}/clusters/memory"

    def cluster() -> dict[str, Any]:
        found = kube.get(path)
        assert found is not None
        return found

    assert cluster()["spec"]["affinity"]["podAntiAffinityType"] == "preferred"
    turn = table.turn(f"Three instances: the primary is killed (SIGKILL) under load, {TAKEN_OVER} times")
    with (
        memory_client(kube, engine.kubeconfig, space) as client,
        memory_service(kube, engine.kubeconfig, stack.namespace) as service,
    ):
        wait_for("two standbys acknowledge", lambda: client.sql(STANDBYS, who="reader") == "2|2", 240)
        assert client.sql(NAMED, who="reader").startswith("on|ANY 1 (")
        with service.start(LOAD, str(WRITERS)) as load:
            load.wait_for("something is acknowledged", lambda told: told["acknowledged"] > 0)
            for _ in range(TAKEN_OVER):
                primary = str(cluster()["status"]["currentPrimary"])
                turn.fault()
                crash(kube, space, primary)
                wait_for(
                    "another one is primary", lambda old=primary: cluster()["status"]["currentPrimary"] != old, 240
                )
                before = load.told["acknowledged"]
                load.wait_for("more is acknowledged", lambda told, least=before: told["acknowledged"] > least + 20)
                wait_for("all three are there again", lambda: cluster()["status"].get("readyInstances") == 3, 300)
            told = load.end()
        turn.saw(
            f"{told['acknowledged']} acknowledged, {told['again']} tried again, {told['lost']} lost, "
            f"{told['doubled']} doubled; pauses {sorted(told['pauses'])}"
        )
        assert told["lost"] == 0
        assert told["doubled"] == 0
        assert 0 <= told["held"] - told["acknowledged"] <= WRITERS, told
    turn.right()
