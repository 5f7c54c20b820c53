"""The monitoring stack on the real cluster: it comes up under its own policies, and sees what runs.

Prometheus and Alertmanager are Debian's here (older than those of prod), the operator is the one of prod. Grafana is
not to be had on a bare machine; dashboards are shown by their queries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from components.monitoring import names
from tests.integration.chat import SMOLLM2, server, store
from tests.integration.mirror import Mirror
from tests.integration.probes import connects
from tests.support.kube import Kube, wait_for
from tests.support.prometheus import InCluster
from tests.support.stack import LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

SETTINGS = {
    "enabled": True,
    "images": "debian",
    "prometheus": {"storage": "1Gi", "scrapeSeconds": 5, "retention": "1d", "memory": "512Mi"},
}


@pytest.fixture(scope="module")
def stack(make_stack: Callable[[str], LiveStack], mirror: Mirror) -> Iterator[LiveStack]:
    made = make_stack("m")
    made.configure({"servers": [server(1, [SMOLLM2])], "modelStore": store(mirror), "monitoring": SETTINGS})
    made.up()
    yield made
    made.destroy()


@pytest.fixture(scope="module")
def prometheus(stack: LiveStack, kube: Kube) -> InCluster:
    pod = f"prometheus-{stack.name}-0"
    return InCluster(kube, names.namespace_of(stack.name), pod, names.PROMETHEUS_PORT)


def test_every_target_answers_through_its_own_opening(prometheus: InCluster, stack: LiveStack) -> None:
    wanted = {
        "ollama/chat-0",
        "model-store/model-store-0",
        f"prometheus/prometheus-{stack.name}-0",
        f"alertmanager/alertmanager-{stack.name}-0",
    }
    jobs = {"ollama", "model-store", "prometheus", "alertmanager", "node-exporter", "prometheus-operator"}

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
    (sample,) = prometheus.query('replica_models_ready{job="ollama"}')
    assert sample["metric"]["server"] == "chat"
    assert sample["metric"]["role"] == "inference"


def test_only_its_own_prometheus_is_let_in(stack: LiveStack, kube: Kube) -> None:
    pod = kube.pod(stack.namespace, "chat-0")
    assert pod is not None
    agent = f"{pod['status']['podIP']}:11436"
    unready = {"readinessProbe": {"exec": {"command": ["/nowhere"]}}}
    monitoring = names.namespace_of(stack.name)
    scraper = names.operated(names.PROMETHEUS)
    assert connects(kube, monitoring, scraper, {agent: True}, **unready) == {agent: True}
    assert connects(kube, stack.namespace, scraper, {agent: False}, **unready) == {agent: False}
    assert connects(kube, monitoring, {}, {agent: False}, **unready) == {agent: False}


def test_a_second_deploy_changes_nothing(stack: LiveStack) -> None:
    assert set(stack.up().changes) == {"same"}
