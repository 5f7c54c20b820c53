"""Faults of pools without GPUs, each told alone, and which nodes such a pool makes its pods prefer."""

from __future__ import annotations

from typing import Any

from components.cpu_node_pool import node_pool, selector_of
from components.placement import placements, preferences
from components.settings import stack as settings
from tests.support.settings_cases import POOL, cases, check, one

CARD = {"nodeClass": {"group": "g.example.com", "kind": "NodeClass", "name": "n"}}
MADE: dict[str, Any] = {"name": "cpu", "karpenter": CARD, "maxCpus": 64}
NAMED: dict[str, Any] = {"name": "named", "existing": {"names": ["n1"]}}


def pool(**changes: Any) -> dict[str, Any]:
    """A configuration with one pool, some of its keys changed; None takes a key away."""
    found = {**MADE, **changes}
    return {"cpuPools": [{key: value for key, value in found.items() if value is not None}]}


@cases(
    ("no name of a pool", pool(name="CPU"), "cpuPools[0].name: `CPU`"),
    ("no way", pool(karpenter=None, maxCpus=None), "cpuPools[0]: has none of `existing`, `karpenter`"),
    ("two ways", pool(existing={"names": ["n"]}), "cpuPools[0]: has `existing`, `karpenter`. Exactly one"),
    ("no bound", pool(maxCpus=None), "cpuPools[0].maxCpus: is needed with `karpenter`"),
    ("a bound of nothing", {"cpuPools": [{**NAMED, "maxCpus": 1}]}, "cpuPools[0].maxCpus: bounds nodes that Karpenter"),
    ("a bound of none", pool(maxCpus=0), "cpuPools[0].maxCpus: "),
    ("weight", pool(karpenter={**CARD, "weight": 0}), "cpuPools[0].karpenter.weight: "),
    ("label", pool(labels={"a b": "c"}), "cpuPools[0].labels.a b: "),
    ("cluster", pool(cluster="north"), "cpuPools[0].cluster: there is no cluster `north`"),
    (
        "neither names nor labels",
        pool(karpenter=None, maxCpus=None, existing={}),
        "cpuPools[0].existing: needs either `names`",
    ),
    (
        "the name of a GPU pool",
        {"gpuPools": [POOL], "cpuPools": [{**MADE, "name": POOL["name"]}]},
        "cpuPools[0].name: `l4` is also the name at gpuPools[0].name",
    ),
    (
        "a node of a GPU pool",
        {"gpuPools": [{**POOL, "existing": {"names": ["n1"]}}], "cpuPools": [NAMED]},
        "cpuPools[0].existing.names[0]: node `n1` is also named at gpuPools[0].existing.names[0]",
    ),
    (
        "a node twice",
        {"cpuPools": [NAMED, {**NAMED, "name": "other"}]},
        "cpuPools[1].existing.names[0]: node `n1` is also named",
    ),
)
def test_fault(raw: dict[str, Any], told: str) -> None:
    check(raw, told)


def test_nodes_are_made_within_bounds_and_without_taints() -> None:
    [made] = settings.validate(pool(labels={"team": "models"})).cpu_pools
    spec = node_pool(made)
    assert spec["limits"] == {"cpu": "64"}
    assert spec["template"]["metadata"]["labels"] == {"team": "models", "echorator.dev/pool": "cpu"}
    assert "taints" not in spec["template"]["spec"]


def test_servers_without_gpus_prefer_them() -> None:
    selected = {"name": "there", "existing": {"selector": {"b": "2", "a": "1"}}}
    servers = [*one(models=[])["servers"], {**one(models=[])["servers"][0], "name": "gpu", "gpus": 1}]
    config = settings.validate({"gpuPools": [POOL], "cpuPools": [MADE, selected], "servers": servers})
    assert [selector_of(found) for found in config.cpu_pools] == [{"echorator.dev/pool": "cpu"}, {"a": "1", "b": "2"}]
    placed = placements(config)
    preferred = placed["chat"].affinity["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    assert [
        [(one["key"], one["operator"], one["values"]) for one in term["preference"]["matchExpressions"]]
        for term in preferred
    ] == [
        [("echorator.dev/pool", "In", ["cpu"])],
        [("a", "In", ["1"]), ("b", "In", ["2"])],
        [("echorator.dev/pool", "NotIn", ["l4"])],
    ]
    # Nodes that are labelled for a pod's class go before CPU pools, and both before any GPU node.
    of_class = preferences("echo")["nodeAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"]
    among, _, outside = (term["weight"] for term in preferred)
    assert among < of_class[0]["weight"] < outside
    assert placed["gpu"].affinity == {}
