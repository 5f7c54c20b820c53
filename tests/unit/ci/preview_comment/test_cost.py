"""GPUs are counted and priced as the scheduler and the price list count them.

Not shown: what an autoscaler does; the count is that of `replicas`.
"""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ci.preview_comment.cost import Prices, PricesError, cost, load_prices
from ci.preview_comment.preview import Action, Resource

PRICES = Prices(currency="EUR", accelerators={"nvidia.com/gpu": Decimal("1.5"), "NVIDIA-L4": Decimal("0.8")})


def container(count: object, name: str = "nvidia.com/gpu") -> dict[str, Any]:
    return {"name": "x", "resources": {"limits": {name: count}}}


def workload(kind: str = "StatefulSet", replicas: object = None, **pod: Any) -> dict[str, Any]:
    if kind == "Pod":
        return {"spec": pod}
    spec: dict[str, Any] = {"template": {"spec": pod}}
    return {"spec": spec if replicas is None else {**spec, "replicas": replicas}}


def resource(before: dict[str, Any], after: dict[str, Any], kind: str = "StatefulSet") -> Resource:
    return Resource("urn::a::b::x", f"kubernetes:apps/v1:{kind}", action=Action.UPDATE, before=before, after=after)


@pytest.mark.parametrize(
    ("properties", "kind", "count"),
    [
        (workload(containers=[container(1)]), "StatefulSet", 1),
        (workload(replicas=3.0, containers=[container("2")]), "StatefulSet", 6),
        (workload(replicas=0, containers=[container(1)]), "StatefulSet", 0),
        (workload(containers=[container(1), container(1)]), "Deployment", 2),
        (workload(containers=[container(1)], initContainers=[container(4), container(2)]), "StatefulSet", 4),
        (workload("Pod", containers=[container(1)]), "Pod", 1),
        (workload(containers=[container(1)]), "ConfigMap", 0),
        (workload(replicas="04da6b54-80e4-46f7-96ec-b56ff0331ba9", containers=[container(1)]), "StatefulSet", 0),
    ],
)
def test_counts(properties: dict[str, Any], kind: str, count: int) -> None:
    found = cost([resource({}, properties, kind)], PRICES)
    assert (0 if found is None else found.after.get("nvidia.com/gpu", 0)) == count


def test_before_and_after() -> None:
    old, new = workload(replicas=1, containers=[container(1)]), workload(replicas=3, containers=[container(1)])
    found = cost([resource(old, new), resource(old, old)], PRICES)
    assert found is not None
    assert (found.before, found.after) == ({"nvidia.com/gpu": 2}, {"nvidia.com/gpu": 4})
    assert found.per_hour == (Decimal("3.0"), Decimal("6.0"))


@pytest.mark.parametrize(
    "where",
    [
        {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-L4"}},
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": "x", "operator": "In", "values": ["NVIDIA-L4"]}]}
                        ]
                    }
                }
            }
        },
    ],
)
def test_the_node_that_is_asked_for_has_its_own_price(where: dict[str, Any]) -> None:
    found = cost([resource({}, workload(containers=[container(2)], **where))], PRICES)
    assert found is not None
    assert found.after == {"NVIDIA-L4": 2}
    assert found.per_hour == (Decimal(0), Decimal("1.6"))


def test_no_sum_where_a_price_is_missing() -> None:
    found = cost([resource({}, workload(containers=[container(1, "amd.com/gpu")]))], PRICES)
    assert found is not None
    assert (found.per_hour, found.unpriced) == (None, ("amd.com/gpu",))


def test_a_stack_without_gpus_has_no_part_about_them() -> None:
    assert cost([resource({}, workload(containers=[{"name": "x"}]))], PRICES) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("currency: euro\naccelerators: {}", "currency"),
        ("currency: EUR", "accelerators: Field required"),
        ("currency: EUR\naccelerators: {a: -1}", "accelerators.a"),
        ("currency: EUR\naccelerators: {}\nmore: 1", "more"),
        ("{", "is no YAML"),
        ("", "the file"),
    ],
)
def test_faults_of_the_file_are_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    with pytest.raises(PricesError, match=message):
        load_prices(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PricesError, match=r"none\.yaml cannot be read: No such file"):
        load_prices(tmp_path / "none.yaml")
