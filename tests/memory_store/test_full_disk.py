"""The database's disk is full: nothing acknowledged is lost, and more room is all that is needed.

The disk is a file system in memory with a limit, mounted inside the local node; a larger limit stands for a volume
that has grown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from components.memory import names
from tests.faults.table import Table
from tests.memory_store.conftest import settings
from tests.memory_store.test_faults import LOAD, WRITERS
from tests.support import prepared
from tests.support.kube import Kube, wait_for
from tests.support.memory_client import memory_client
from tests.support.memory_service import memory_service
from tests.support.stack import Engine, LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1800)]

SMALL_MB = 400
LARGE_MB = 1000
FILL = "INSERT INTO filler SELECT string_agg(md5(random()::text), '') FROM generate_series(1, 250000) n"


class Disk:
    """A volume with a limit, by a storage class of its own name."""

    def __init__(self, kube: Kube, name: str) -> None:
        self._kube, self.name = kube, name
        self._node = prepared.node()
        self._path = f"/var/lib/{name}"

    def make(self) -> None:
        """Mount it and tell the cluster."""
        self._node.run_inside(["mkdir", "-p", self._path])
        options = f"size={SMALL_MB}m,mode=0777"
        self._node.run_inside(["mount", "-t", "tmpfs", "-o", options, "tmpfs", self._path])
        (node,) = self._kube.items("/api/v1/nodes")
        host = node["metadata"]["labels"]["kubernetes.io/hostname"]
        expression = {"key": "kubernetes.io/hostname", "operator": "In", "values": [host]}
        self._kube.create(
            "/apis/storage.k8s.io/v1/storageclasses",
            {
                "metadata": {"name": self.name},
                "provisioner": "kubernetes.io/no-provisioner",
                "volumeBindingMode": "WaitForFirstConsumer",
            },
        )
        self._kube.create(
            "/api/v1/persistentvolumes",
            {
                "metadata": {"name": self.name},
                "spec": {
                    "capacity": {"storage": "1Gi"},
                    "accessModes": ["ReadWriteOnce"],
                    "persistentVolumeReclaimPolicy": "Retain",
                    "storageClassName": self.name,
                    "local": {"path": self._path},
                    "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}},
                },
            },
        )

    def grow(self) -> None:
        """More room under the running pod."""
        self._node.run_inside(["mount", "-o", f"remount,size={LARGE_MB}m", self._path])

    def remove(self) -> None:
        """Take all of it away."""
        self._kube.delete(f"/api/v1/persistentvolumes/{self.name}")
        self._kube.delete(f"/apis/storage.k8s.io/v1/storageclasses/{self.name}")
        # Pods that are still ending hold it; with the last of them it goes.
        self._node.run_inside(["umount", "-l", self._path], check=False)


@pytest.fixture
def disk(kube: Kube, run_name: str) -> Iterator[Disk]:
    made = Disk(kube, f"{run_name}-disk")
    try:
        made.make()
        yield made
    finally:
        made.remove()


@pytest.fixture
def full(make_stack: Callable[[str], LiveStack], disk: Disk) -> Iterator[LiveStack]:
    made = make_stack("full")
    made.configure(settings(storageClass=disk.name, redis={"enabled": False}, backups={"enabled": False}))
    made.up()
    yield made
    # Before its disk goes.
    made.end()


def test_a_full_disk_costs_a_pause(full: LiveStack, disk: Disk, kube: Kube, engine: Engine, table: Table) -> None:
    space = names.namespace(full.name)
    turn = table.turn("The database's disk is full under load, then grows")
    with (
        memory_client(kube, engine.kubeconfig, space) as client,
        memory_service(kube, engine.kubeconfig, full.namespace) as service,
    ):
        client.sql("CREATE TABLE filler (text text); ALTER TABLE filler ALTER text SET STORAGE EXTERNAL", who="owner")
        with service.start(LOAD, str(WRITERS)) as load:
            load.wait_for("something is acknowledged", lambda told: told["acknowledged"] > 0)
            errors: list[str] = []

            def is_full() -> bool:
                done = client.try_sql(FILL, who="owner")
                errors.append(done.stderr)
                return bool(done.returncode)

            wait_for("the disk is full", is_full, 300)
            turn.fault()
            wait_for("nothing is written any more", lambda: client.try_sql(FILL, who="owner").returncode, 240)
            disk.grow()
            before = load.told["acknowledged"]
            load.wait_for("it writes again", lambda told: told["acknowledged"] > before + 200, 420)
            turn.over()
            told = load.end()
        turn.saw(
            f"{told['acknowledged']} acknowledged, {told['again']} tried again, {told['lost']} lost, "
            f"{told['doubled']} doubled; pauses {sorted(told['pauses'])}; told: {errors[-1].strip()[:80]}"
        )
        assert told["lost"] == 0
        assert told["doubled"] == 0
        assert 0 <= told["held"] - told["acknowledged"] <= WRITERS, told
    turn.right()
