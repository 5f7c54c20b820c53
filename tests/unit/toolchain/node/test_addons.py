"""Proves that the shipped manifests hold together and how a Deployment's shortfall is told.

That the API server takes them and that their pods run is proved on the real node (tests/integration).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from toolchain.node import addons, layout
from toolchain.node.api import object_path

ALL = addons.documents((*addons.RBAC, *addons.ADDONS))
BOOT = 1_893_499_200.0  # 2030-01-01T12:00:00Z


def of_kind(kind: str) -> list[dict[str, Any]]:
    return [document for document in ALL if document["kind"] == kind]


def test_every_file_is_used() -> None:
    folder = Path(addons.__file__).parent / "addons"
    assert {path.name for path in folder.iterdir()} == set(addons.RBAC + addons.ADDONS)


def test_every_object_has_a_path_of_its_own() -> None:
    paths = [object_path(document) for document in ALL]
    assert len(paths) == len(set(paths))


def test_namespaces_come_before_what_is_in_them() -> None:
    made = {"kube-system"}
    for document in ALL:
        if document["kind"] == "Namespace":
            made.add(document["metadata"]["name"])
        assert document["metadata"].get("namespace", "kube-system") in made


def test_images_are_those_that_are_built_for_the_node() -> None:
    assert addons.images() == (
        "docker.io/library/busybox:1.35",
        "docker.io/rancher/local-path-provisioner:v0.0.30",
        "registry.k8s.io/coredns/coredns:v1.15.0",
    )


def test_deployments_run_as_a_user_that_may_do_nothing() -> None:
    for deployment in of_kind("Deployment"):
        pod = deployment["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            own = container["securityContext"]
            assert own["allowPrivilegeEscalation"] is False
            assert own["readOnlyRootFilesystem"] is True
            assert own["capabilities"] == {"drop": ["ALL"]}


def test_bindings_name_roles_and_accounts_that_are_there() -> None:
    roles = {(d["kind"], d["metadata"]["name"]) for d in ALL} | {("ClusterRole", "system:kubelet-api-admin")}
    accounts = {(d["metadata"]["namespace"], d["metadata"]["name"]) for d in of_kind("ServiceAccount")}
    for binding in of_kind("ClusterRoleBinding") + of_kind("RoleBinding"):
        assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in roles
        for subject in binding["subjects"]:
            if subject["kind"] == "ServiceAccount":
                assert (subject["namespace"], subject["name"]) in accounts


def test_helper_pods_use_an_account_that_is_there_and_may_do_nothing() -> None:
    [provisioner] = [d for d in of_kind("Deployment") if d["metadata"]["name"] == "local-path-provisioner"]
    [container] = provisioner["spec"]["template"]["spec"]["containers"]
    account = container["args"][container["args"].index("--service-account-name") + 1]
    assert account in {d["metadata"]["name"] for d in of_kind("ServiceAccount")}
    bound = {s["name"] for b in of_kind("RoleBinding") + of_kind("ClusterRoleBinding") for s in b["subjects"]}
    assert account not in bound


def test_addresses_are_the_layouts() -> None:
    text = "\n".join(yaml.safe_dump(document) for document in ALL)
    known = {layout.NODE_ADDRESS, layout.DNS_SERVICE, layout.KUBERNETES_SERVICE}
    assert set(re.findall(r"\b10\.\d+\.\d+\.\d+\b", text)) == known
    assert layout.INSIDE_VOLUMES in text


def test_one_default_storage_class() -> None:
    [storage] = of_kind("StorageClass")
    assert storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    assert storage["volumeBindingMode"] == "WaitForFirstConsumer"


def deployment(**status: int) -> dict[str, Any]:
    return {"metadata": {"generation": 2}, "spec": {"replicas": 1}, "status": status}


def pod(ready: str = "True", started: str = "2030-01-01T12:00:05Z") -> dict[str, Any]:
    return {
        "status": {
            "conditions": [{"type": "Ready", "status": ready}],
            "containerStatuses": [{"state": {"running": {"startedAt": started}}}],
        }
    }


def test_available() -> None:
    assert addons.shortfall(deployment(observedGeneration=2, updatedReplicas=1), [pod()], BOOT) == ""


def test_missing_and_not_yet_seen() -> None:
    assert addons.shortfall(None, [], BOOT) == "missing"
    assert "not yet seen" in addons.shortfall(deployment(observedGeneration=1, updatedReplicas=1), [pod()], BOOT)


def test_a_pod_of_the_old_revision_is_not_enough() -> None:
    assert addons.shortfall(deployment(observedGeneration=2), [pod()], BOOT) == "0 of 1 updated"


def test_ready_from_before_the_boot_is_not_believed() -> None:
    old = pod(started="2030-01-01T11:59:59Z")
    assert addons.shortfall(deployment(observedGeneration=2, updatedReplicas=1), [old], BOOT) == "0 of 1 available"


def test_the_reason_for_waiting_is_told_once() -> None:
    waits = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    sick = {"status": {"containerStatuses": [{"state": waits}, {"state": waits}]}}
    told = addons.shortfall(deployment(observedGeneration=2, updatedReplicas=1), [sick], BOOT)
    assert told == "0 of 1 available, ErrImagePull not found"
