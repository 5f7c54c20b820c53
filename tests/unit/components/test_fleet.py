"""Several clusters: what each gets, by which provider, and that no name depends on the roles.

Not proved: that the engine moves a server to another cluster, which the tests on two control planes show.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.pulumi_mocks import Seen, deploy, kinds
from tests.support.settings_cases import server
from tests.unit.components.conftest import write_kubeconfig
from tests.unit.components.test_program import program

CLUSTERS = ("east", "west")


@pytest.fixture(autouse=True)
def _kubeconfig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = {"e": "https://34.1.2.3", "w": "https://34.1.2.4"}
    monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "kubeconfig", urls, "e")))


def fleet(primary: str = "east", west: Mapping[str, Any] | None = None, **more: Any) -> Seen:
    listed = [
        {"name": "east", "context": "e", "storage": [{"driver": "ebs"}]},
        {"name": "west", "context": "w", **(west or {})},
    ]
    clusters = [{**one, "role": "primary" if one["name"] == primary else "secondary"} for one in listed]
    config = {"clusters": clusters, "servers": [server(), server(name="spare", cluster="west")], **more}
    return deploy(program, config={f"echorator:{key}": json.dumps(value) for key, value in config.items()})


def by_cluster(seen: Seen) -> dict[str, set[str]]:
    """Cluster to the names of what goes there."""
    found: dict[str, set[str]] = {name: set() for name in CLUSTERS}
    for (kind, name), one in seen.items():
        if kind.startswith("kubernetes:"):
            provider = one.provider.split("::")[-2]
            found[provider.removeprefix("cluster-").removesuffix("-provider")].add(name)
    return found


def test_each_cluster_has_the_whole_baseline_and_its_servers() -> None:
    found = by_cluster(fleet())
    for cluster in CLUSTERS:
        suffixes = ("models", "quota", "limits", "default-deny", "allow-dns", "viewer", "operator", "priority-models")
        assert {f"cluster-{cluster}-{suffix}" for suffix in suffixes} <= found[cluster]
        assert f"store-{cluster}-pods" in found[cluster]
    assert "chat-pods" in found["east"]
    assert "spare-pods" in found["west"]
    assert not found["east"] & found["west"]


def test_each_quota_counts_its_own_servers() -> None:
    quotas = kinds(fleet(), ":ResourceQuota")
    assert {name: one["spec"]["hard"]["pods"] for name, one in quotas.items()} == {
        "cluster-east-quota": "4",
        "cluster-west-quota": "4",
    }


def test_swapped_roles_move_only_what_follows_the_primary_one() -> None:
    before, after = by_cluster(fleet("east")), by_cluster(fleet("west"))
    moved = before["east"] - after["east"]
    assert "chat-pods" in moved
    assert all(name.startswith("chat-") for name in moved)
    assert after["west"] - before["west"] == moved
    assert before["west"] <= after["west"]


def test_a_made_class_is_for_every_volume_of_its_cluster() -> None:
    seen = fleet()
    made = kinds(seen, ":StorageClass")
    assert list(made) == ["cluster-east-storage-ebs"]
    assert made["cluster-east-storage-ebs"]["metadata"]["name"] == "echorator-ebs"
    classes = {
        name: one["spec"]["volumeClaimTemplates"][0]["spec"].get("storageClassName")
        for name, one in kinds(seen, ":StatefulSet").items()
    }
    assert classes == {
        "chat-pods": "echorator-ebs",
        "store-east-pods": "echorator-ebs",
        "spare-pods": None,
        "store-west-pods": None,
    }


def test_a_store_keeps_what_servers_elsewhere_want() -> None:
    seen = fleet(servers=[server(), server(name="spare", cluster="west", models=[{"name": "other:1b"}])])
    for cluster in CLUSTERS:
        listed = str(kinds(seen, ":ConfigMap")[f"store-{cluster}-wanted"]["data"])
        assert "smollm2" in listed
        assert "other" in listed


def test_a_lost_cluster_has_only_its_provider() -> None:
    seen = fleet(west={"lost": True}, servers=[server()])
    assert by_cluster(seen)["west"] == set()
    provider = seen["pulumi:providers:kubernetes", "cluster-west-provider"].inputs
    # A provider's properties travel as JSON.
    assert provider["deleteUnreachable"] in (True, "true")
    assert "deleteUnreachable" not in seen["pulumi:providers:kubernetes", "cluster-east-provider"].inputs


def test_a_stack_of_one_cluster_can_become_one_of_two() -> None:
    listed = [{"name": "cluster", "role": "primary", "context": "e"}, {"name": "west", "context": "w"}]
    config = {"clusters": listed, "servers": [server()]}
    many = deploy(program, config={f"echorator:{key}": json.dumps(value) for key, value in config.items()})
    single = {"cluster": {"context": "e"}, "servers": [server()]}
    one = deploy(program, config={f"echorator:{key}": json.dumps(value) for key, value in single.items()})
    assert {key: found.inputs for key, found in one.items()}.items() <= {
        key: found.inputs for key, found in many.items()
    }.items()
