"""Checks of pods, in every kind that holds a pod template and in each of its lists of containers.

What is right and wrong is the Kubernetes documentation's. Not shown: that an API server refuses the same objects.
"""

from __future__ import annotations

from typing import Any

import pytest

from policies.catalog import BY_ID, CHECKS
from policies.context import Context
from policies.pods import Pod
from policies.runner import Runner
from policies.workload import baseline, restricted
from tests.policies.cases_pods import CONTAINERS, LISTS, MAIN_ONLY, PODS, Changes, Rows, located, with_container
from tests.policies.objects import KINDS, TEMPLATE, Object, changed, workload
from tests.policies.support import PROD, resource

RUNNER = Runner(PROD)


def finds(check: str, body: Object, token: str | None = None) -> bool:
    return bool(list(RUNNER.resource(BY_ID[check], resource(body, token=token))))


def rows(table: Rows) -> list[Any]:
    return [
        pytest.param(check, change, bad, id=f"{check}-{'bad' if bad else 'good'}-{index}")
        for check, (good, wrong) in table.items()
        for bad, changes in ((False, good), (True, wrong))
        for index, change in enumerate(changes)
    ]


@pytest.mark.parametrize(("check", "change", "bad"), rows(CONTAINERS))
def test_containers(check: str, change: Changes, bad: bool) -> None:
    for place in LISTS:
        template = changed(with_container(place), located(change, place))
        for kind in KINDS:
            assert finds(check, workload(kind, template)) is bad, (kind, place)


@pytest.mark.parametrize(("check", "change", "bad"), rows(PODS))
def test_pods(check: str, change: Changes, bad: bool) -> None:
    for kind in KINDS:
        assert finds(check, workload(kind, changed(TEMPLATE, change))) is bad, kind


@pytest.mark.parametrize(("check", "change", "bad"), rows(MAIN_ONLY))
def test_running_containers(check: str, change: Changes, bad: bool) -> None:
    for kind in ("Pod", "Deployment", "StatefulSet", "DaemonSet", "Rollout"):
        assert finds(check, workload(kind, changed(TEMPLATE, located(change, "containers")))) is bad, kind


def test_a_job_needs_no_probe_and_a_sidecar_does() -> None:
    job = workload("Job", changed(TEMPLATE, {"spec/containers/0/readinessProbe": {}}))
    assert not finds("workload-liveness-probe", job)
    bare = {key: one for key, one in TEMPLATE["spec"]["containers"][0].items() if "Probe" not in key}
    init = changed(TEMPLATE, {"spec/initContainers": [bare]})
    assert not finds("workload-readiness-probe", workload("Deployment", init))
    sidecar = changed(init, {"spec/initContainers/0/restartPolicy": "Always"})
    assert not finds("workload-readiness-probe", workload("Deployment", sidecar))
    assert finds("workload-liveness-probe", workload("Deployment", sidecar))
    sidecar = changed(sidecar, {"spec/initContainers/0/ports": [{"containerPort": 9090}]})
    assert finds("workload-readiness-probe", workload("Deployment", sidecar))


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_pod_breaks_nothing(kind: str) -> None:
    found = resource(workload(kind, TEMPLATE))
    assert found.items[0].pods
    assert [check.id for check in CHECKS if list(RUNNER.resource(check, found))] == []


_INSIDE = ("metadata", "spec")
_PATCH = "kubernetes:apps/v1:DeploymentPatch"


def _spellings(body: Object) -> dict[str, tuple[str, Object]]:
    bare = {key: body[key] for key in _INSIDE}
    return {
        "List": ("kubernetes:core/v1:List", {"apiVersion": "v1", "kind": "List", "items": [body]}),
        "DeploymentList": ("kubernetes:apps/v1:DeploymentList", {"items": [bare]}),
        "old group": ("kubernetes:extensions/v1beta1:Deployment", {**body, "apiVersion": "extensions/v1beta1"}),
        "old version": ("kubernetes:apps/v1beta2:Deployment", {**body, "apiVersion": "apps/v1beta2"}),
        "without kind": ("kubernetes:apps/v1:Deployment", bare),
        "patch": (_PATCH, {**body, "kind": "Deployment"}),
        "patch without kind": (_PATCH, bare),
    }


@pytest.mark.parametrize("spelling", sorted(_spellings(workload("Deployment", TEMPLATE))))
def test_no_spelling_hides_a_privileged_container(spelling: str) -> None:
    bad = workload("Deployment", changed(TEMPLATE, {"spec/containers/0/securityContext/privileged": True}))
    token, body = _spellings(bad)[spelling]
    assert finds("workload-privileged", body, token)


def test_a_patch_is_judged_by_what_it_says() -> None:
    patch = {"metadata": {"name": "it"}, "spec": {"template": {"spec": {"containers": [{"name": "main"}]}}}}
    found = resource(patch, token="kubernetes:apps/v1:DeploymentPatch")
    assert [check.id for check in CHECKS if list(RUNNER.resource(check, found))] == []
    worse = changed(patch, {"spec/template/spec/containers/0/securityContext/allowPrivilegeEscalation": True})
    assert finds("workload-privilege-escalation", worse, "kubernetes:apps/v1:DeploymentPatch")


@pytest.mark.parametrize("kind", ["Prometheus", "Alertmanager", "ThanosRuler", "PrometheusAgent"])
def test_an_operator_fills_in_containers_but_not_the_pod(kind: str) -> None:
    body: Object = {"apiVersion": "monitoring.coreos.com/v1", "kind": kind, "metadata": {"name": "it"}, "spec": {}}
    assert finds("workload-run-as-non-root", body)
    assert finds("workload-seccomp", body)
    assert finds("workload-host-namespaces", changed(body, {"spec/hostNetwork": True}))
    filled = changed(
        body,
        {"spec/securityContext": TEMPLATE["spec"]["securityContext"], "spec/containers": [{"name": "config-reloader"}]},
    )
    assert not finds("workload-run-as-non-root", filled)
    assert not finds("workload-privilege-escalation", filled)
    assert finds("workload-privileged", changed(filled, {"spec/containers/0/securityContext": {"privileged": True}}))


def test_cloudnative_pg_is_judged_by_what_it_says() -> None:
    body: Object = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Cluster",
        "metadata": {"name": "db"},
        "spec": {"instances": 3, "imageName": "ghcr.io/cloudnative-pg/postgresql:18", "seccompProfile": {}},
    }
    assert not finds("workload-run-as-non-root", body)
    assert finds("supply_chain-digest", body)
    assert finds(
        "encryption-secret-in-env", changed(body, {"spec/env": [{"name": "DB_PASSWORD", "value": "hunter2hunter2"}]})
    )
    pooler = {
        "apiVersion": "postgresql.cnpg.io/v1",
        "kind": "Pooler",
        "metadata": {"name": "p"},
        "spec": {"template": {"spec": {"hostNetwork": True}}},
    }
    assert finds("workload-host-namespaces", pooler)


def test_dev_needs_no_digest_unless_asked() -> None:
    check = BY_ID["supply_chain-digest"]
    found = resource(
        workload("Deployment", changed(TEMPLATE, {"spec/containers/0/image": "docker.io/ollama/ollama:1"}))
    )
    assert not list(Runner(Context("dev")).resource(check, found))
    assert list(Runner(Context("dev"), {check.id: {"environments": ["dev", "prod"]}}).resource(check, found))
    assert list(Runner(Context("", {"echorator:environment": "prod"})).resource(check, found))
    assert list(Runner(Context("staging")).resource(check, found))


def test_every_check_of_a_pod_is_in_a_table() -> None:
    tables = {*CONTAINERS, *PODS, *MAIN_ONLY}
    assert {one.id for one in (*baseline.FAMILY.checks, *restricted.FAMILY.checks)} <= tables
    assert isinstance(resource(workload("Pod", TEMPLATE)).items[0].pods[0], Pod)
