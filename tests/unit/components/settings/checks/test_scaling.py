"""Faults of how replicas follow the load: each told alone."""

from __future__ import annotations

from typing import Any

import pytest

from components.settings import stack as settings
from tests.support.settings_cases import Case, one, refusal

KEDA = {"by": "keda", "prometheus": "http://prometheus.monitoring.svc:9090"}
QUIET = {"cpu": None, "memory": None, "queue": None, "responseSeconds": None}


def scaling(**keys: Any) -> dict[str, Any]:
    return one(scaling=keys)


CASES: list[Case] = [
    ("none at all", scaling(min=0), "scaling.min: is 0, which a HorizontalPodAutoscaler does not go down to"),
    ("more than most", scaling(min=11), "scaling.min: is 11, more than `max` (10)"),
    ("too many", scaling(max=1001), "scaling.max: "),
    ("per cent", scaling(cpu=0), "scaling.cpu: "),
    ("of a GPU", scaling(gpu=101), "scaling.gpu: "),
    ("queue", scaling(queue=0), "scaling.queue: "),
    ("seconds", scaling(responseSeconds=0), "scaling.responseSeconds: must be more than 0"),
    ("cooldown", scaling(cooldown="5 minutes"), "scaling.cooldown: "),
    ("replicas too", one(replicas=2, scaling={}), "servers[0].replicas: is the autoscaler's beside `scaling`"),
    ("no signal", scaling(**QUIET), "servers[0].scaling: has no signal left"),
    ("whom to ask", scaling(by="keda"), "scaling.prometheus: is needed for `queue`"),
    ("who asks", scaling(prometheus="http://p:9090"), "scaling.prometheus: is asked by KEDA alone"),
    ("no address", scaling(by="keda", prometheus="p:9090"), "scaling.prometheus: "),
    ("nobody wakes it", scaling(**KEDA, min=0), "scaling.wake: is needed with `min: 0`"),
    ("waking what is awake", scaling(**KEDA, wake="up"), "scaling.wake: has an effect with `min: 0`"),
    (
        "one node's volume",
        one(scaling={}, volume={"mode": "shared", "accessMode": "ReadWriteOnce"}),
        "servers[0].volume.accessMode: is `ReadWriteOnce`",
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
        scaling(),
        scaling(responseSeconds=2.5, queue=None, gpu=90),
        scaling(**KEDA),
        scaling(**KEDA, min=0, wake="sum(waiting) > 0"),
        scaling(**QUIET | {"cpu": 50}, by="keda"),
    ],
)
def test_legal(raw: dict[str, Any]) -> None:
    found = settings.validate(raw).servers[0]
    assert found.least_replicas == raw["servers"][0]["scaling"].get("min", 1)
    assert found.most_replicas == 10
