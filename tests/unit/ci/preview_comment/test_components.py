"""Resources are told to the nearest component above them; what holds data is known by kind, and by its own policy."""

from typing import Any

import pytest

from ci.preview_comment.components import ALONE, by_component
from ci.preview_comment.preview import Action, Resource
from ci.preview_comment.stateful import holds, losses

STACK = Resource("urn:pulumi:dev::echorator::pulumi:pulumi:Stack::echorator-dev", "pulumi:pulumi:Stack")
SERVER = Resource(
    "urn:pulumi:dev::echorator::echorator:index:OllamaServer::chat", "echorator:index:OllamaServer", parent=STACK.urn
)


def child(name: str, kind: str, parent: str, action: Action = Action.CREATE, **before: Any) -> Resource:
    return Resource(f"urn:pulumi:dev::echorator::x${kind}::{name}", kind, parent=parent, action=action, before=before)


def test_rows() -> None:
    pods = child("pods", "kubernetes:apps/v1:StatefulSet", SERVER.urn)
    below = child("below", "kubernetes:core/v1:Pod", pods.urn, Action.DELETE)
    alone = child("alone", "random:index/randomId:RandomId", STACK.urn)
    # The parent of an old resource may be in no step of this preview.
    orphan = child(
        "orphan", "kubernetes:core/v1:Service", "urn:pulumi:dev::echorator::echorator:index:Cluster::cluster"
    )
    found = by_component([STACK, alone, SERVER, pods, below, orphan])
    assert [(one.name, len(one.resources)) for one in found] == [
        ("OllamaServer chat", 3),
        ("Cluster cluster", 1),
        (ALONE, 1),
    ]
    assert found[0].counts == {Action.SAME: 1, Action.CREATE: 1, Action.DELETE: 1}


def test_parents_in_a_circle_end() -> None:
    one = Resource("urn::1::t::a", "t", parent="urn::1::t::b", action=Action.CREATE)
    other = Resource("urn::1::t::b", "t", parent="urn::1::t::a")
    assert [group.name for group in by_component([one, other])] == [ALONE]


@pytest.mark.parametrize(
    ("kind", "holding"),
    [
        ("kubernetes:core/v1:PersistentVolumeClaim", True),
        ("kubernetes:core/v1:Namespace", True),
        ("kubernetes:core/v1:NamespacePatch", False),
        ("kubernetes:postgresql.cnpg.io/v1:Cluster", True),
        ("kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition", True),
        ("echorator:index:ModelStore", True),
        ("echorator:index:Cluster", False),
        ("aws:rds/instance:Instance", True),
        ("kubernetes:apps/v1:Deployment", False),
        ("kubernetes:core/v1:ConfigMap", False),
    ],
)
def test_kinds_that_hold_data(kind: str, holding: bool) -> None:
    assert (holds(child("x", kind, "")) is not None) is holding


@pytest.mark.parametrize(
    ("policy", "said"), [({"whenDeleted": "Delete"}, "are deleted"), ({}, "volumes stay"), (None, "stay")]
)
def test_volumes_of_a_stateful_set(policy: dict[str, str] | None, said: str) -> None:
    spec: dict[str, Any] = {"volumeClaimTemplates": [{}], "persistentVolumeClaimRetentionPolicy": policy}
    assert said in (holds(child("x", "kubernetes:apps/v1:StatefulSet", "", spec=spec)) or "")


def test_a_stateful_set_without_volumes_holds_nothing() -> None:
    assert holds(child("x", "kubernetes:apps/v1:StatefulSet", "", spec={})) is None


def test_deletions_come_before_replacements_and_updates_are_none() -> None:
    kind = "kubernetes:core/v1:Namespace"
    listed = [child(action.name, kind, "", action) for action in Action]
    assert [one.resource.name for one in losses(listed)] == ["DELETE", "REPLACE"]
