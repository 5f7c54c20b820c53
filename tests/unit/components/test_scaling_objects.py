"""The signals as metrics and queries: bounds, units, and what is left out.

That an API server takes the objects is shown in tests/simulated/test_objects.py.
"""

from __future__ import annotations

from typing import Any

import pytest

from components.scaling_objects import advice, autoscaler, behavior, gpu_bound, scaled_object, seconds
from components.settings.scaling import ScalingSettings

PODS = '{namespace="ns",pod=~"chat-[0-9]+"}'


def scaling(**keys: Any) -> ScalingSettings:
    return ScalingSettings.model_validate(keys)


@pytest.mark.parametrize(
    ("text", "expected"), [("5m", 300), ("90s", 90), ("1m30s", 90), ("1500ms", 2), ("2h", 3600), ("0.5m", 30)]
)
def test_durations(text: str, expected: int) -> None:
    assert seconds(text) == expected


def test_the_missions_figures_are_the_defaults() -> None:
    found = autoscaler("chat", scaling(), gpus=1)
    assert (found["minReplicas"], found["maxReplicas"]) == (1, 10)
    assert found["behavior"]["scaleDown"]["stabilizationWindowSeconds"] == 300
    cpu, memory, queue, response, gpu = found["metrics"]
    assert cpu["containerResource"] == {
        "name": "cpu",
        "container": "ollama",
        "target": {"type": "Utilization", "averageUtilization": 70},
    }
    assert memory["containerResource"]["target"]["averageUtilization"] == 80
    assert queue["pods"]["metric"]["name"] == "replica_requests_in_flight"
    assert queue["pods"]["target"]["averageValue"] == "10"
    assert response["pods"]["target"]["averageValue"] == "5000m"
    assert gpu["pods"]["target"]["averageValue"] == "85"


def test_a_signal_that_is_null_is_left_out() -> None:
    found = autoscaler("chat", scaling(cpu=None, memory=None, responseSeconds=None, queue=3), gpus=0)
    assert [one["type"] for one in found["metrics"]] == ["Pods"]


def test_the_bound_of_gpus() -> None:
    assert gpu_bound(scaling(), 0) is None
    assert gpu_bound(scaling(), 2) == 85
    assert gpu_bound(scaling(gpu=50), 2) == 50
    assert gpu_bound(scaling(gpu=None), 2) is None
    assert gpu_bound(scaling(gpu=50), 0) == 50


def test_queries_ask_of_this_servers_pods() -> None:
    found = scaled_object("chat", "ns", scaling(by="keda", prometheus="http://p:9090"), gpus=1)
    queries = [one["metadata"]["query"] for one in found["triggers"] if one["type"] == "prometheus"]
    assert all(PODS in query for query in queries)
    assert queries[0] == f"sum(replica_requests_in_flight{PODS})"
    assert queries[1].startswith(
        "(histogram_quantile(0.95, sum by (le) (rate(replica_time_to_first_token_seconds_bucket"
    )
    # A sum is shared out over the replicas; a time and a per cent are not.
    assert [one["metricType"] for one in found["triggers"]] == [
        "Utilization",
        "Utilization",
        "AverageValue",
        "Value",
        "Value",
    ]


def test_down_to_none() -> None:
    wake = "sum(nginx_waiting) > 0"
    found = scaled_object("chat", "ns", scaling(by="keda", min=0, wake=wake, prometheus="http://p:9090"), gpus=0)
    assert found["minReplicaCount"] == 0
    assert found["triggers"][-1]["metadata"]["query"] == wake


def test_down_is_slow_and_up_is_not() -> None:
    found = behavior(scaling(cooldown="10m"))
    assert found["scaleUp"]["stabilizationWindowSeconds"] == 0
    assert found["scaleDown"] == {
        "stabilizationWindowSeconds": 600,
        "policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}],
    }


def test_advice_changes_nothing() -> None:
    assert advice("chat")["updatePolicy"] == {"updateMode": "Off"}
