"""The monitoring stack on the real cluster: it comes up under its own policies, and sees what runs.

All parts are of the versions that prod has. Grafana is not to be had on a bare machine; dashboards are shown by their
queries, and drawn from what Prometheus answers.
"""

from __future__ import annotations

import pytest

from components.monitoring import names
from tests.drill.bed import Drill
from tests.integration.probes import connects
from tests.support.kube import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]


def one_value(drill: Drill, expression: str) -> float:
    """The value of a query with one series; 0 where it has none."""
    found = drill.prometheus.query(expression)
    return float(found[0]["value"][1]) if found else 0.0


def test_every_target_answers_through_its_own_opening(drill: Drill) -> None:
    prometheus, stack = drill.prometheus, drill.stack
    wanted = {
        "ollama/chat-0",
        "ollama/chat-1",
        "model-store/model-store-0",
        f"prometheus/prometheus-{stack.name}-0",
        f"alertmanager/alertmanager-{stack.name}-0",
    }
    own = {"prometheus", "alertmanager", "node-exporter", "prometheus-operator", "kube-state-metrics"}
    jobs = {*own, "ollama", "model-store", "echo", "blackbox-exporter", "ask", "kubelet", "cadvisor"}

    def all_up() -> bool:
        found = prometheus.targets()
        return (
            wanted <= found.keys()
            and {one.partition("/")[0] for one in found} == jobs
            and set(found.values()) == {"up"}
        )

    try:
        wait_for("every target is up", all_up, 120)
    except AssertionError as error:
        raise AssertionError(f"{error}: {prometheus.targets()}") from error
    for what, expression in (
        ("the model answers", 'probe_success{job="ask"} == 1'),
        ("the cluster's objects are told of", 'sum(kube_pod_status_phase{phase="Running"}) > 6'),
        # The kubelet looks at a new container some seconds after it started.
        ("containers are told of", 'sum(container_memory_working_set_bytes{container="ollama"}) > 0'),
    ):
        wait_for(what, lambda asked=expression: one_value(drill, asked) > 0, 120)
    samples = prometheus.query('replica_models_ready{job="ollama"}')
    assert {one["metric"]["pod"] for one in samples} == {"chat-0", "chat-1"}
    assert {(one["metric"]["server"], one["metric"]["role"]) for one in samples} == {("chat", "inference")}


def test_only_its_own_prometheus_is_let_in(drill: Drill) -> None:
    stack, kube = drill.stack, drill.kube
    pod = kube.pod(stack.namespace, "chat-0")
    assert pod is not None
    agent = f"{pod['status']['podIP']}:11436"
    unready = {"readinessProbe": {"exec": {"command": ["/nowhere"]}}}
    monitoring = names.namespace_of(stack.name)
    scraper = names.operated(names.PROMETHEUS)
    assert connects(kube, monitoring, scraper, {agent: True}, **unready) == {agent: True}
    assert connects(kube, stack.namespace, scraper, {agent: False}, **unready) == {agent: False}
    assert connects(kube, monitoring, {}, {agent: False}, **unready) == {agent: False}


def test_a_second_deploy_changes_nothing(drill: Drill) -> None:
    assert set(drill.stack.up().changes) == {"same"}
