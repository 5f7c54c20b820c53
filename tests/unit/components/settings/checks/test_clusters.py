"""Clusters: names, roles, contexts, storage classes, and which server goes where.

Not proved: that the contexts lead anywhere, nor that a driver is installed there.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import fit_check
from components.settings import stack as settings
from tests.support.settings_cases import cases, check, faults, refusal, server
from tests.unit.components.conftest import write_kubeconfig

EAST: Mapping[str, Any] = {"name": "east", "role": "primary", "context": "e"}
WEST: Mapping[str, Any] = {"name": "west", "context": "w"}
CEPH: Mapping[str, Any] = {
    "driver": "cephRbd",
    "key": "vault",
    "secret": {"name": "csi", "namespace": "ceph"},
    "parameters": {"clusterID": "c", "pool": "p"},
}


def two(east: Mapping[str, Any] = {}, west: Mapping[str, Any] = {}, **more: Any) -> dict[str, Any]:
    """A configuration of two clusters with some keys changed; None takes a key away."""
    listed = [{**EAST, **east}, {**WEST, **west}]
    return {"clusters": [{key: one[key] for key in one if one[key] is not None} for one in listed], **more}


def stored(*classes: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"cluster": {"storage": list(classes)}, **more}


@cases(
    ("bad name", two(west={"name": "West"}), "clusters[1].name: `West` is no legal name"),
    ("no name", two(west={"name": None}), "clusters[1].name: is required"),
    (
        "name twice",
        two(west={"name": "east"}),
        "clusters[1].name: `east` is also the name at clusters[0].name. Names of clusters must differ",
    ),
    (
        "context twice",
        two(west={"context": "e"}),
        "clusters[1].context: `e` is also the context at clusters[0].context: both would make the same objects",
    ),
    ("no context", two(west={"context": None}), "clusters[1].context: is required in a list"),
    ("empty context", two(west={"context": ""}), "clusters[1].context: is empty"),
    (
        "no primary",
        two(east={"role": "secondary"}),
        "clusters: has no cluster with `role: primary`, which servers go to that name none. Give it to one of: `east`",
    ),
    (
        "two that are primary",
        two(west={"role": "primary"}),
        "clusters[1].role: is `primary`, as at clusters[0]. One is primary, the others are `secondary`",
    ),
    ("unknown role", two(west={"role": "spare"}), "clusters[1].role: must be one of 'primary' or 'secondary'"),
    ("the primary one lost", two(east={"lost": True}), "clusters[0].lost: is true, but the cluster is the primary one"),
    ("both forms", two(cluster={"context": "x"}), "clusters: stands beside `cluster`. Keep one"),
    (
        "unknown cluster",
        two(servers=[server(cluster="north")]),
        "servers[0].cluster: there is no cluster `north`. Legal names: `east`, `west`",
    ),
    (
        "a server on a lost cluster",
        two(west={"lost": True}, servers=[server(cluster="west")]),
        "servers[0].cluster: `west` is lost. Name another one, or none for the primary one",
    ),
    (
        "unknown cluster with the short form",
        {"servers": [server(cluster="east")]},
        "servers[0].cluster: there is no cluster `east`. Legal names: `cluster`",
    ),
    (
        "a cluster for a server elsewhere",
        two(servers=[{"name": "far", "url": "http://h:1", "cluster": "east"}]),
        "servers[0].url: is of a server that already runs, so `cluster` cannot be set here",
    ),
    ("unknown driver", stored({"driver": "nfs"}), "cluster.storage[0].driver: must be one of 'ebs', 'gcePd'"),
    (
        "two classes of one name",
        stored({"driver": "ebs"}, {"driver": "ebs"}),
        "cluster.storage[1].name: is the name at cluster.storage[0].name. Give each class a name of its own",
    ),
    ("class name", stored({"driver": "ebs", "name": "Fast"}), "cluster.storage[0].name: `Fast` is no legal name"),
    (
        "encryption off",
        stored({"driver": "ebs", "parameters": {"Encrypted": "false"}}),
        "cluster.storage[0].parameters.Encrypted: is always `true`: the class is made to encrypt. Leave it out",
    ),
    (
        "key among the parameters",
        stored({"driver": "ebs", "parameters": {"kmsKeyId": "k"}}),
        "cluster.storage[0].parameters.kmsKeyId: is the setting `key`. Put it there",
    ),
    ("Ceph without a key", stored({**CEPH, "key": None}), "cluster.storage[0].key: is required by `cephRbd`"),
    (
        "Ceph without a pool",
        stored({**CEPH, "parameters": {"clusterID": "c"}}),
        "cluster.storage[0].parameters.pool: is required by `cephRbd`",
    ),
    ("Longhorn without a secret", stored({"driver": "longhorn"}), "cluster.storage[0].secret: is required by"),
    (
        "a key that Longhorn does not take",
        stored({"driver": "longhorn", "key": "k", "secret": CEPH["secret"]}),
        "cluster.storage[0].key: has no effect with `longhorn`",
    ),
    (
        "a secret that a cloud does not take",
        stored({"driver": "gcePd", "secret": CEPH["secret"]}),
        "cluster.storage[0].secret: has no effect with `gcePd`",
    ),
    (
        "no encryption in production",
        stored({"driver": "localPath"}, environment="prod"),
        "cluster.storage[0].driver: `localPath` does not encrypt, which production asks for. Use `ebs`, `gcePd`",
    ),
)
def test_refusals(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


@pytest.mark.parametrize(
    "raw",
    [
        two(),
        two(west={"lost": True}),
        two(servers=[server(cluster="west"), server(name="b"), {"name": "far", "url": "http://h:1"}]),
        {"servers": [server(cluster="cluster")]},
        stored(CEPH, {"driver": "ebs", "key": "k", "parameters": {"type": "io2"}}, environment="prod"),
        stored({"driver": "localPath"}, {"driver": "localPath", "name": "other"}),
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert faults(raw) == []


def test_every_fault_of_the_list_at_once() -> None:
    raw = two(
        east={"role": "secondary"},
        west={"name": "east", "context": "e"},
        servers=[server(cluster="north")],
    )
    assert [fault.partition(":")[0] for fault in refusal(raw)] == [
        "clusters",
        "clusters[1].context",
        "clusters[1].name",
        "servers[0].cluster",
    ]


def test_contexts_that_are_not_there_are_told_with_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_kubeconfig(tmp_path / "kubeconfig", {"e": "https://10.0.0.1", "x": "https://10.0.0.2"}, "e")
    monkeypatch.setenv("KUBECONFIG", str(path))
    values = {"clusters": '[{"name": "east", "context": "e"}, {"name": "west", "context": "w"}]'}
    with pytest.raises(pulumi.RunError, match="2 faults") as caught:
        settings.parse(values, contexts=True)
    told = str(caught.value)
    assert "clusters: has no cluster with `role: primary`" in told
    assert f"clusters[1].context: there is no context `w` in {path}. Legal contexts: `e`, `x`" in told
    with pytest.raises(pulumi.RunError, match="1 fault"):
        settings.parse(values)


def test_one_cluster_either_way_is_the_same() -> None:
    short = settings.validate({"cluster": {"context": "e", "storageClass": "s"}})
    listed = {"name": "cluster", "role": "primary", "context": "e", "storageClass": "s"}
    assert short.all_clusters == settings.validate({"clusters": [listed]}).all_clusters


def test_the_primary_one_is_first_and_takes_servers_without_a_cluster() -> None:
    both = [server(), server(name="b", cluster="east")]
    found = settings.validate(two(east={"role": "secondary"}, west={"role": "primary"}, servers=both))
    assert [one.name for one in found.all_clusters] == ["west", "east"]
    assert [found.cluster_of(one).name for one in found.servers] == ["west", "east"]


def test_pools_are_of_a_cluster_and_serve_its_servers_alone() -> None:
    cards = {"name": "cards", "accelerator": "nvidia-l4", "existing": {"names": ["n1"]}}
    pools = [cards, {**cards, "name": "more", "cluster": "west", "existing": {"names": ["n2"]}}]
    gpu = {"resources": None, "class": "small", "gpus": 1}
    servers = [server(**gpu), server(name="b", cluster="west", **gpu)]
    found = settings.validate(two(servers=servers, gpuPools=pools))
    assert {name: pool.name for name, pool in fit_check.assign(found).items()} == {"chat": "cards", "b": "more"}
    far = {**cards, "name": "far", "cluster": "north", "existing": {"names": ["n3"]}}
    crossed = [{**servers[0], "pool": "more"}, {**servers[1], "pool": "cards"}]
    assert refusal(two(servers=crossed, gpuPools=[*pools, far])) == [
        "gpuPools[2].cluster: there is no cluster `north`. Legal names: `east`, `west`",
        "servers[0].pool: `more` is in cluster `west`, the server in `east`. Name a pool of the same cluster",
        "servers[1].pool: `cards` is in cluster `east`, the server in `west`. Name a pool of the same cluster",
    ]
