"""One program, two clusters: the local node, and a second control plane of plain processes with simulated nodes.

The tests run in the file's order on one stack. Not shown: models on the second cluster, whose pods are simulated; and
traffic between clusters, which the stack does not route.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pytest

from components import kube_context
from tests.integration.chat import SMOLLM2, server, store
from tests.integration.mirror import Mirror
from tests.support.kube import Kube, wait_for
from tests.support.second import Second
from tests.support.stack import Engine, LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

MOVED = "roam"
"""A server that names no cluster."""


@pytest.fixture(scope="module")
def near_context(engine: Engine) -> str:
    return kube_context.load(paths=[engine.kubeconfig]).name


@pytest.fixture(scope="module")
def stack(make_wide_stack: Callable[[str], LiveStack]) -> LiveStack:
    """Of a kubeconfig that has both contexts."""
    return make_wide_stack("two")


class Settings(Protocol):
    """The configuration with one of the clusters as the primary one, and more of the second."""

    def __call__(self, primary: str, **west: object) -> dict[str, Any]: ...


@pytest.fixture(scope="module")
def settings(near_context: str, second: Second, mirror: Mirror) -> Settings:
    """East is the node, west the second control plane."""
    listed: list[dict[str, Any]] = [
        {"name": "east", "context": near_context},
        # Its address is on loopback, where no pod would find it.
        {
            "name": "west",
            "context": second.context,
            "apiServer": [],
            "storage": [{"driver": "ebs"}],
            "storageClass": "simulated",
        },
    ]

    def configured(primary: str, **west: object) -> dict[str, Any]:
        roles = [{**one, "role": "primary" if one["name"] == primary else "secondary"} for one in listed]
        roles[1] |= west
        servers = [{**server(1, [SMOLLM2]), "cluster": "east"}, {**server(1, []), "name": MOVED}]
        return {"clusters": roles, "modelStore": store(mirror), "servers": servers}

    return configured


def pods(kube: Kube, namespace: str) -> set[str]:
    listed = kube.items(f"/api/v1/namespaces/{namespace}/pods")
    return {one["metadata"]["name"] for one in listed if "deletionTimestamp" not in one["metadata"]}


def test_one_error_tells_every_fault_of_the_list(stack: LiveStack, kube: Kube, near_context: str) -> None:
    listed = [{"name": "east", "context": near_context}, {"name": "east", "context": "elsewhere"}]
    stack.configure({"clusters": listed, "servers": [{**server(1, []), "cluster": "north"}]})
    outcome = stack.preview()
    assert outcome.code > 0
    assert "The stack configuration has 4 faults; nothing was deployed" in outcome.output
    for told in (
        "clusters: has no cluster with `role: primary`",
        "clusters[1].name: `east` is also the name at clusters[0].name",
        "clusters[1].context: there is no context `elsewhere`",
        "servers[0].cluster: there is no cluster `north`. Legal names: `east`",
    ):
        assert told in outcome.output, outcome.output
    assert "Traceback" not in outcome.output
    assert kube.get(f"/api/v1/namespaces/{stack.namespace}") is None


def test_one_program_deploys_to_both(stack: LiveStack, kube: Kube, far: Kube, settings: Settings) -> None:
    stack.configure(settings("east"))
    previewed = stack.preview()
    assert previewed.code == 0, previewed.output
    stack.up()
    assert set(stack.up("--expect-no-changes").changes) == {"same"}
    assert pods(kube, stack.namespace) == {"chat-0", "model-store-0", f"{MOVED}-0"}
    assert pods(far, stack.namespace) == {"model-store-0"}
    for one in (kube, far):
        labels = one.get(f"/api/v1/namespaces/{stack.namespace}")
        assert labels is not None
        assert labels["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
        base = f"namespaces/{stack.namespace}"
        assert {"default-deny", "allow-dns"} <= {
            item["metadata"]["name"] for item in one.items(f"/apis/networking.k8s.io/v1/{base}/networkpolicies")
        }
        roles = one.items(f"/apis/rbac.authorization.k8s.io/v1/{base}/roles")
        assert {"viewer", "operator"} <= {item["metadata"]["name"] for item in roles}
    seen = {one["outputs"]["context"]: one["outputs"] for one in stack.resources() if "SecretsAtRest" in one["type"]}
    assert {one["state"] for one in seen.values()} == {"encrypted"}, seen
    assert len(seen) == 2
    assert all("k8s:enc:secretbox" in one["how"] for one in seen.values())
    assert kube.get(f"/api/v1/namespaces/{stack.namespace}/secrets/at-rest-probe") is None
    made = far.get(f"/apis/storage.k8s.io/v1/storageclasses/{stack.name}-ebs")
    assert made is not None
    assert made["parameters"] == {"encrypted": "true", "type": "gp3"}
    assert kube.get(f"/apis/storage.k8s.io/v1/storageclasses/{stack.name}-ebs") is None


def test_swapped_roles_move_what_follows_the_primary_one(
    stack: LiveStack, kube: Kube, far: Kube, settings: Settings
) -> None:
    before = kube.pod(stack.namespace, "chat-0")
    assert before is not None
    stack.configure(settings("west"))
    moved = stack.up()
    # What counts and lets in the servers of a cluster changes on both.
    counted = {what for where in ("east", "west") for what in (f"cluster-{where}-quota", f"store-{where}-network")}
    others = {name for name in moved.touched if not name.startswith(MOVED) and name != stack.name}
    assert others == counted, moved.touched
    wait_for("the server is on the other cluster", lambda: f"{MOVED}-0" in pods(far, stack.namespace), 60)
    wait_for("and no more on the first", lambda: f"{MOVED}-0" not in pods(kube, stack.namespace), 60)
    after = kube.pod(stack.namespace, "chat-0")
    assert after is not None
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


def test_a_lost_cluster_is_left_without_it(stack: LiveStack, kube: Kube, second: Second, settings: Settings) -> None:
    second.down()
    stack.configure(settings("east", lost=True))
    stack.up()
    assert f"{MOVED}-0" in pods(kube, stack.namespace)
    kept = [one["urn"] for one in stack.resources() if "cluster-west-provider" in str(one.get("provider"))]
    assert kept == []
    alone = settings("east")
    stack.configure({**alone, "clusters": alone["clusters"][:1]})
    assert set(stack.up().touched.values()) == {"delete"}
    stack.destroy()
    assert kube.get(f"/api/v1/namespaces/{stack.namespace}") is None
