"""Faults of GPU pools, of servers on them, and of the facts of models: each told alone, with what is legal.

Also that a model that does not fit is told with the numbers and what would fit.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from components import fit_check
from components.settings import stack as settings
from tests.support.settings_cases import POOL, Case, one, refusal

NAMED = {"name": "t4", "accelerator": "nvidia-t4", "existing": {"names": ["n1", "n2"]}}
REFERENCE = {"group": "g.example.com", "kind": "NodeClass", "name": "n"}
KARPENTER = {"nodeClass": REFERENCE}
FACTS = {
    "size": "4Gi", "layers": 32, "heads": 32, "kvHeads": 8, "headSize": 128, "embedding": 4096,
    "vocabulary": 32000, "context": 8192,
}  # fmt: skip


def pool(**changes: Any) -> dict[str, Any]:
    """A configuration with one pool, some of its keys changed; None takes a key away."""
    found = {**POOL, **changes}
    return {"gpuPools": [{key: value for key, value in found.items() if value is not None}]}


def pools(*many: dict[str, Any], **server: Any) -> dict[str, Any]:
    return {"gpuPools": list(many), **(one(models=[], **server) if server else {})}


def gpu(**changes: Any) -> dict[str, Any]:
    """A configuration with a server of one GPU on the pool."""
    return pools(POOL, gpus=1, **changes)


CASES: list[Case] = [
    ("no name of a pool", pool(name="L4"), "gpuPools[0].name: `L4`"),
    ("two of a name", pools(POOL, {**NAMED, "name": "l4"}), "gpuPools[1].name: `l4` is also the name at gpuPools[0]"),
    ("unknown card", pool(accelerator="nvidia-l5"), "`nvidia-l5` is no known accelerator. Known are `nvidia-t4`"),
    ("no way", pool(existing=None), "gpuPools[0]: has none of `existing`, `karpenter`, `clusterApi`"),
    ("two ways", pool(karpenter=KARPENTER), "gpuPools[0]: has `existing`, `karpenter`. Exactly one"),
    ("neither names nor selector", pool(existing={}), "needs either `names` of nodes or a `selector`"),
    ("number of named nodes", pools({**NAMED, "maxNodes": 3}), "gpuPools[0].maxNodes: is the number of"),
    ("few of many", pool(minNodes=1), "gpuPools[0].minNodes: is kept by Cluster API alone"),
    ("no GPUs", pool(gpusPerNode=0), "gpuPools[0].gpusPerNode: "),
    (
        "a node twice",
        pools(NAMED, {**NAMED, "name": "b", "existing": {"names": ["n1"]}}),
        "gpuPools[1].existing.names[0]: node `n1` is also named",
    ),
    (
        "overlapping selectors",
        pools(POOL, {**POOL, "name": "b", "existing": {"selector": {"gpu": "l4", "zone": "a"}}}),
        "gpuPools[1].existing.selector: selects nodes that gpuPools[0].existing.selector selects too",
    ),
    (
        "MIG profile of another card",
        pool(accelerator="nvidia-a100-40gb", mig={"3g.40gb": 1}),
        "gpuPools[0].mig.3g.40gb: `nvidia-a100-40gb` has no such MIG profile. Its profiles are `1g.5gb`",
    ),
    ("MIG of a card without", pool(mig={"1g.5gb": 1}), "`nvidia-l4` cannot be parted"),
    (
        "more than a card has",
        pool(accelerator="nvidia-h200", mig={"3g.71gb": 3}),
        "gpuPools[0].mig: these do not find places on one `nvidia-h200`",
    ),
    (
        "several profiles and none chosen",
        pool(accelerator="nvidia-h200", mig={"3g.71gb": 1, "1g.18gb": 2}),
        "gpuPools[0].migProfile: is needed where `mig` has several",
    ),
    (
        "a profile that is not there",
        pool(accelerator="nvidia-h200", mig={"3g.71gb": 1}, migProfile="1g.18gb"),
        "gpuPools[0].migProfile: `1g.18gb` is not among `mig`: `3g.71gb`",
    ),
    (
        "shared twice",
        pool(accelerator="nvidia-h200", mig={"3g.71gb": 1}, timeSlicing=2),
        "gpuPools[0].timeSlicing: shares a GPU that `mig` parts already",
    ),
    ("sharing of claims", pool(timeSlicing=2, devices="dra"), "is a device plugin's. With `devices: dra`"),
    ("sharing of others", pool(accelerator="amd-mi300x", timeSlicing=2), "is not known of AMD's plugin"),
    ("memory", pool(memory="24 GB"), "gpuPools[0].memory: `24 GB`"),
    ("label", pool(labels={"a b": "c"}), "gpuPools[0].labels.a b: "),
    ("taint", pool(taints=[{"key": "a/b/c"}]), "gpuPools[0].taints[0].key: "),
    ("weight", pool(existing=None, karpenter={**KARPENTER, "weight": 101}), "gpuPools[0].karpenter.weight: "),
    (
        "parts that Karpenter does not count",
        pool(accelerator="nvidia-h200", existing=None, karpenter=KARPENTER, mig={"3g.71gb": 2}),
        "gpuPools[0].mig: Karpenter makes nodes for whole GPUs",
    ),
    (
        "claims that Karpenter does not count",
        pool(existing=None, karpenter=KARPENTER, devices="dra"),
        "gpuPools[0].devices: is `dra`. Karpenter makes nodes for whole GPUs",
    ),
    ("a class without a pool", one(**{"class": "large", "resources": None}), "class `large` needs GPUs, and there is"),
    ("GPUs without a pool", one(gpus=1), "servers[0]: `gpus: 1` needs GPUs, and there is no GPU pool"),
    ("unknown pool", gpu(pool="a100"), "servers[0].pool: `a100` is no GPU pool. Pools are `l4`"),
    ("pool of no use", pools(POOL, pool="l4"), "servers[0].pool: has no effect on a server without GPUs"),
    (
        "GPUs on no node",
        pools({**POOL, "maxNodes": 2}, gpus=2),
        "each replica needs 2 GPUs on one node, and the most that a node",
    ),
    ("a pool too small", gpu(pool="l4", replicas=2), "gpuPools[0]: has 1 GPUs (nodes, GPUs of each and their parts"),
    ("pools too small", gpu(replicas=2), "gpuPools: have 1 GPUs together, and the servers need 2"),
    (
        "a pool too small for the load",
        gpu(scaling={"max": 5}),
        "gpuPools: have 1 GPUs together, and the servers need 5",
    ),
    (
        "fact",
        one(models=[{"name": "x", "facts": {**FACTS, "size": "1Gi", "heads": 0}}]),
        "servers[0].models[0].facts.heads: ",
    ),
    (
        "facts",
        one(models=[{"name": "x", "facts": {"size": "1Gi"}}]),
        "servers[0].models[0].facts: lack `layers`, `heads`",
    ),
    (
        "a model that does not fit",
        one(models=[{"name": "llama3.3:70b"}]),
        "`llama3.3:70b` does not fit server `chat`: it needs 42.4 GiB of memory (40.4 GiB of weights, 1.2 GiB of cache",
    ),
    (
        "a model that does not fit its GPU",
        pools(POOL, {**NAMED, "accelerator": "nvidia-h100-80gb"}, gpus=1)
        | one(gpus=1, pool="l4", models=[{"name": "qwen2.5:32b", "facts": {"size": "40Gi"}}]),
        "does not fit pool `l4`: it needs 41.8 GiB of GPU memory (40.0 GiB of weights, 1.0 GiB of cache",
    ),
    (
        "time for registries",
        one() | {"fit": {"lookupSeconds": 0}},
        "fit.lookupSeconds: must be above 0 and at most 300",
    ),
    (
        "unknown, and that is refused",
        {**one(models=[{"name": "somebody/else:1"}]), "fit": {"unknown": "refuse"}},
        "servers[0].models[0].facts: are needed for `somebody/else:1`",
    ),
]


@pytest.mark.parametrize(("_", "raw", "problem"), CASES, ids=[case[0] for case in CASES])
def test_faults(_: str, raw: dict[str, Any], problem: str) -> None:
    found = refusal(raw)
    assert [fault for fault in found if problem in fault], found
    assert len(found) == 1, found


@pytest.mark.parametrize(
    "raw",
    [
        pool(),
        pools(NAMED, POOL),
        pool(accelerator="nvidia-a100-40gb", mig={"1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1}, migProfile="3g.20gb"),
        pool(timeSlicing=4, devices="devicePlugin", taints=[]),
        pool(existing=None, karpenter=KARPENTER, maxNodes=20),
        gpu(),
        gpu(pool="l4"),
        pools({**POOL, "timeSlicing": 4}, gpus=1, replicas=4),
        one(**{"class": "large", "resources": None, "gpus": 0}),
        one(**{"class": "echo", "resources": None}),
        one(models=[{"name": "somebody/else:1"}]),
        one(models=[{"name": "x", "facts": {**FACTS, "size": "1Gi"}}]),
        {**one(models=[{"name": "llama3.3:70b"}]), "fit": {"over": "note"}},
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    assert settings.validate(raw)


def test_all_faults_come_at_once() -> None:
    wrong: dict[str, Any] = {"name": "x", "accelerator": "none", "existing": {}, "timeSlicing": 0}
    found = refusal(
        {**pools(wrong), **one(gpus=1, pool="y", models=[{"name": "llama3.3:70b", "facts": {"layers": 0}}])}
    )
    paths = {fault.partition(": ")[0] for fault in found}
    assert {
        "gpuPools[0].accelerator",
        "gpuPools[0].existing",
        "gpuPools[0].timeSlicing",
        "servers[0].pool",
        "servers[0].models[0].facts.layers",
    } <= paths


def test_a_server_goes_to_the_smallest_pool_that_holds_its_models() -> None:
    large = {**POOL, "name": "h100", "accelerator": "nvidia-h100-80gb", "existing": {"selector": {"gpu": "h100"}}}
    for model, expected in (("llama3.1:8b", "l4"), ("llama3.3:70b", "h100")):
        config = settings.validate(pools(large, POOL) | one(gpus=1, models=[{"name": model}]))
        found = fit_check.pool_for(config, config.servers[0])
        assert found is not None
        assert found.name == expected


def test_servers_that_name_no_pool_share_them_out() -> None:
    large = {**POOL, "name": "h100", "accelerator": "nvidia-h100-80gb", "existing": {"selector": {"gpu": "h100"}}}
    small = {**one(gpus=1, models=[{"name": "llama3.1:8b"}])["servers"][0]}
    both = [{**small, "name": "first"}, {**small, "name": "second"}]
    config = settings.validate({"gpuPools": [large, POOL], "servers": both})
    assert {name: pool.name for name, pool in fit_check.assign(config).items()} == {"first": "l4", "second": "h100"}
    # The second one's model needs the large pool, which the first must not take.
    both = [{**small, "name": "first", "pool": "l4"}, {**small, "name": "second", "models": [{"name": "llama3.3:70b"}]}]
    config = settings.validate({"gpuPools": [large, POOL], "servers": both})
    assert fit_check.assign(config)["second"].name == "h100"


def test_a_pool_that_alone_holds_the_models_may_be_too_small() -> None:
    large = {**POOL, "name": "h100", "accelerator": "nvidia-h100-80gb", "existing": {"selector": {"gpu": "h100"}}}
    config = pools({**POOL, "maxNodes": 9}, large) | one(gpus=1, replicas=2, models=[{"name": "llama3.3:70b"}])
    (told,) = refusal(config)
    assert told.startswith("gpuPools[1]: has 1 GPUs, and the servers whose models fit no smaller pool (chat) need 2")


def test_what_is_not_known_is_told() -> None:
    config = settings.validate(
        one(
            models=[
                {"name": "somebody/else:1"},
                {"name": "mine", "create": {"from": "smollm2:135m", "parameters": {"num_ctx": 2048}}},
                {"name": "smollm2:135m"},
            ]
        )
    )
    assert fit_check.notes(config) == [
        "servers[0].models[0]: whether `somebody/else:1` fits is not known (it is not in the table of known models)"
    ]
    made = next(one for one in fit_check.fits(config) if one.model == "mine")
    assert made.verdict is not None
    # 30 layers, 3 heads of 64 elements twice, 2 bytes each, for 2048 tokens.
    assert made.verdict.estimate.cache == 2048 * 30 * 3 * 128 * 2


def test_models_that_stay_and_take_turns_are_told() -> None:
    both = [{"name": name, "preload": True} for name in ("llama3.2:3b", "llama3.2:1b")]
    bounds = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4000Mi"}}
    (note,) = fit_check.notes(settings.validate(one(models=both, resources=bounds)))
    assert note.startswith("server `chat`: the 2 models with `preload` need 4.")
    assert note.endswith("they will push each other out")


def test_what_would_fit_is_told_nearest_first() -> None:
    (alone,) = refusal(one(models=[{"name": "llama3.3:70b"}]))
    assert alone.endswith("What fits: class `large` with `gpus: 0`")
    model = {"name": "qwen2.5:32b", "facts": {"size": "40Gi"}}
    (pooled,) = refusal(
        pools(POOL, {**NAMED, "accelerator": "nvidia-h100-80gb"}) | one(gpus=1, pool="l4", models=[model])
    )
    assert "What fits: pool `t4`; the quantization Q4_K_M (18.8 GiB)" in pooled


def test_a_thousand_models_take_less_than_a_second() -> None:
    models = [{"name": f"llama3.1:8b-instruct-q4_{index % 2}", "source": "llama3.1:8b"} for index in range(2)]
    many = [{**one(models=models)["servers"][0], "name": f"s{index}", "storage": "40Gi"} for index in range(500)]
    for server in many:
        server["resources"] = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "16Gi"}}
    config = settings.validate({"servers": many})
    begun = time.process_time()
    assert len(fit_check.fits(config)) == 1000
    assert time.process_time() - begun < 1.0
