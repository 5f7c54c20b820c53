"""Taints of a node: only the stack's own are changed, and a change of somebody else's meanwhile is not undone.

Against a node in memory that refuses a write that is too old, as an API server does. The real one is in
tests/simulated/test_placement.py.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.kube_api import KubeApi, KubeApiError
from components.node_taints_provider import NodeTaintsProvider, Taint, change, merged

KEYS = st.sampled_from(("a", "b", "c"))
EFFECTS = st.sampled_from(("NoSchedule", "NoExecute"))


def taint_of(key: str, effect: str) -> Taint:
    return {"key": key, "effect": effect}


TAINTS: st.SearchStrategy[list[Taint]] = st.lists(
    st.builds(taint_of, KEYS, EFFECTS), unique_by=lambda taint: (taint["key"], taint["effect"])
)
GPU = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
FOREIGN = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


class Node:
    """An API server with one node."""

    def __init__(self, *taints: Taint, conflicts: int = 0) -> None:
        self.taints: list[Taint] | None = list(taints)
        self.version = 1
        self.conflicts = conflicts

    def get(self, path: str) -> dict[str, Any] | None:
        assert path == "/api/v1/nodes/n"
        if self.taints is None:
            return None
        return {"metadata": {"resourceVersion": str(self.version)}, "spec": {"taints": list(self.taints)}}

    def patch(self, path: str, body: dict[str, Any], *, manager: str) -> None:
        assert (path, manager) == ("/api/v1/nodes/n", "echorator")
        if self.conflicts:
            # Somebody was quicker.
            self.conflicts -= 1
            self.version += 1
            self.taints = [*(self.taints or []), {"key": f"other-{self.version}", "effect": "NoSchedule"}]
        if body["metadata"]["resourceVersion"] != str(self.version):
            raise KubeApiError(HTTPStatus.CONFLICT, "the object has been modified")
        self.taints = body["spec"]["taints"]
        self.version += 1

    def api(self) -> KubeApi:
        return cast("KubeApi", self)


@given(TAINTS, TAINTS, TAINTS)
def test_others_stay_and_ours_are_there_once(there: list[Taint], old: list[Taint], new: list[Taint]) -> None:
    found = merged(there, old, new)
    ours = [(taint["key"], taint["effect"]) for taint in (*old, *new)]
    others = [taint for taint in there if (taint["key"], taint["effect"]) not in ours]
    assert [taint for taint in found if taint not in new] == others
    assert all(found.count(taint) == 1 for taint in new)
    assert merged(found, new, new) == found


def test_a_taint_is_added_beside_others() -> None:
    node = Node(FOREIGN)
    change(node.api(), "n", old=[], new=[GPU])
    assert node.taints == [FOREIGN, GPU]
    before = node.version
    change(node.api(), "n", old=[GPU], new=[GPU])
    assert node.version == before
    change(node.api(), "n", old=[GPU], new=[])
    assert node.taints == [FOREIGN]


def test_a_change_meanwhile_is_kept() -> None:
    node = Node(conflicts=2)
    change(node.api(), "n", old=[], new=[GPU])
    assert node.taints is not None
    assert [taint["key"] for taint in node.taints] == ["other-2", "other-3", "nvidia.com/gpu"]


def test_somebody_who_never_rests_is_told() -> None:
    with pytest.raises(KubeApiError, match="modified"):
        change(Node(conflicts=100).api(), "n", old=[], new=[GPU])


def test_a_node_that_is_gone() -> None:
    node = Node()
    node.taints = None
    with pytest.raises(KubeApiError, match=r"there is no node `n`: correct `existing\.names`"):
        change(node.api(), "n", old=[], new=[GPU])
    change(node.api(), "n", old=[GPU], new=[], must=False)


def test_another_node_is_another_resource() -> None:
    provider = NodeTaintsProvider()
    olds = {"context": "c", "node": "n", "taints": [GPU]}
    assert provider.diff("", olds, dict(olds)).changes is False
    assert provider.diff("", olds, {**olds, "taints": []}).replaces == []
    assert provider.diff("", olds, {**olds, "taints": []}).changes is True
    assert provider.diff("", olds, {**olds, "node": "m"}).replaces == ["node"]
