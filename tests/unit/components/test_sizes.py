"""What a server asks of the namespace: replicas, agents, volumes."""

from fractions import Fraction
from typing import Any

from components.cluster_baseline import Demand
from components.settings.server import ServerSettings
from components.sizes import demand_of, size_of

RESOURCES = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}}
GI = 2**30
MI = 2**20


def demand(replicas: int = 2, **raw: Any) -> Demand:
    found = {"name": "a", "replicas": replicas, "resources": RESOURCES, "storage": "4Gi", **raw}
    return demand_of(ServerSettings.model_validate(found))


def test_each_replica_has_an_agent_and_a_volume() -> None:
    assert demand() == Demand(
        pods=2,
        cpu=Fraction(2) + Fraction(50, 1000),
        memory=Fraction(2 * GI + 128 * MI),
        memory_limit=Fraction(4 * GI + 512 * MI),
        storage=Fraction(8 * GI),
    )


def test_no_replica_asks_for_nothing() -> None:
    found = demand(0)
    assert (found.pods, found.cpu, found.storage) == (0, 0, 0)


def test_a_shared_volume_has_a_writer_and_one_volume() -> None:
    found = demand(volume={"mode": "shared"})
    assert (found.pods, found.storage) == (3, 4 * GI)
    assert demand(volume={"mode": "shared", "claim": "nfs"}).storage == 0


def test_storage_of_a_class_can_be_said() -> None:
    raw = {"name": "a", "class": "medium", "storage": "99Gi"}
    assert size_of(ServerSettings.model_validate(raw)).storage == "99Gi"
    assert size_of(ServerSettings.model_validate({"name": "a", "class": "medium"})).storage == "40Gi"
