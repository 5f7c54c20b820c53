"""The monitoring stack on the real cluster: it comes up under its own policies, and sees what runs.

All parts are of the versions that prod has. Grafana is not to be had on a bare machine; dashboards are shown by their
queries, and drawn from what Prometheus answers.
"""

from __future__ import annotations

import base64
import datetime as dt

import pytest

from components import certificates
from components.monitoring import names, tls
from replica_agent.ports import AGENT_PORT, METRICS_PORT
from tests.drill.bed import Drill
from tests.integration.probes import connects
from tests.support.kube import wait_for
from tests.support.prometheus import InCluster

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
    ours = {"ollama", "model-store", "echo", "blackbox-exporter", "ask", "responder"}
    jobs = {*own, *ours, "kubelet", "cadvisor"}

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
    assert prometheus.schemes() == {job: {"https"} for job in jobs}
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
    agent, plain = (f"{pod['status']['podIP']}:{port}" for port in (METRICS_PORT, AGENT_PORT))
    unready = {"readinessProbe": {"exec": {"command": ["/nowhere"]}}}
    monitoring = names.namespace_of(stack.name)
    scraper = names.operated(names.PROMETHEUS)
    wanted = {agent: True, plain: False}
    assert connects(kube, monitoring, scraper, wanted, **unready) == wanted
    assert connects(kube, stack.namespace, scraper, {agent: False}, **unready) == {agent: False}
    assert connects(kube, monitoring, {}, {agent: False}, **unready) == {agent: False}


def test_an_alert_gets_to_the_responder(drill: Drill) -> None:
    """From Alertmanager, which trusts it by its certificate; a dry run: nothing is done but said."""
    space = names.namespace_of(drill.stack.name)
    (pod,) = [
        one["metadata"]["name"]
        for one in drill.kube.items(f"/api/v1/namespaces/{space}/pods")
        if one["metadata"]["labels"].get("app.kubernetes.io/name") == names.RESPONDER
    ]
    responder = InCluster(drill.kube, space, pod, names.RESPONDER_PORT, scheme="https")
    where = {"namespace": drill.stack.namespace, "pod": "chat-0", "server": "chat"}
    ends = (dt.datetime.now(tz=dt.UTC) + dt.timedelta(minutes=1)).isoformat()
    told = {"alertname": "Drilled", "act": "restart-stuck-pull", "severity": "info", **where}
    drill.alertmanager.post("/api/v2/alerts", [{"labels": told, "endsAt": ends}])
    said = 'responder_acts_total{act="restart-stuck-pull",outcome="dry-run"} 1.0'
    wait_for("the responder says what it would do", lambda: said in responder.text("/metrics"), 120)
    wait_for("the alert is over", lambda: not drill.firing(), 300)


def test_a_renewed_certificate_is_taken_without_a_restart(drill: Drill) -> None:
    """The kubelet brings the files to the pods, and whoever connects then is shown the new one.

    Not by Prometheus, whose connections stay open: what they were shown at their beginning counts.
    """
    kube, space = drill.kube, drill.stack.namespace
    path = f"/api/v1/namespaces/{space}/secrets/{tls.secret('model-store')}"
    found = kube.get(path)
    assert found is not None
    kept = {key: found["data"][key] for key in (tls.CERTIFICATE, tls.KEY)}
    before = _life(drill, "model-store-0")
    now = dt.datetime.now(tz=dt.UTC)
    made = certificates.issue(certificates.authority("another", now), [tls.host("model-store", space)], now)
    pair = {tls.CERTIFICATE: made.certificate, tls.KEY: made.key}
    assert _shown(drill) == base64.b64decode(kept[tls.CERTIFICATE]).decode()
    try:
        kube.patch(path, {"data": {key: base64.b64encode(value.encode()).decode() for key, value in pair.items()}})
        wait_for("the new one is shown", lambda: _shown(drill) == made.certificate, 300)
    finally:
        kube.patch(path, {"data": kept})
    wait_for("the first is shown again", lambda: _shown(drill) != made.certificate, 300)
    assert _life(drill, "model-store-0") == before
    assert set(drill.prometheus.targets().values()) == {"up"}


def _shown(drill: Drill) -> str:
    """The certificate that a new connection to the store's metrics is shown."""
    script = f"import ssl; print(ssl.get_server_certificate(('127.0.0.1', {METRICS_PORT})), end='')"
    return drill.kube.execute(
        drill.stack.namespace, "model-store-0", "model-store", "/usr/bin/python3.11", "-c", script
    )


def _life(drill: Drill, name: str) -> tuple[str, int]:
    """Which pod it is, and how often its containers were restarted."""
    pod = drill.kube.pod(drill.stack.namespace, name)
    assert pod is not None
    return pod["metadata"]["uid"], sum(one["restartCount"] for one in pod["status"]["containerStatuses"])


def test_a_second_deploy_changes_nothing(drill: Drill) -> None:
    assert set(drill.stack.up().changes) == {"same"}
