"""Proves that `destroy` leaves nothing in the cluster, on the node's disk, or in the stack's state."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.chat import SMOLLM2, ChatStack
from tests.support.kube import Kube, wait_for
from toolchain.node.node import Node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


def leftovers(kube: Kube, prefix: str) -> list[str]:
    """Return every object, of whatever kind, that bears the prefix in its name, its namespace or its claim."""
    found: list[str] = []
    for path, item in kube.everything():
        metadata = item["metadata"]
        labels: dict[str, str] = metadata.get("labels") or {}
        spec: dict[str, Any] = item.get("spec") or {}
        claim: dict[str, str] = spec.get("claimRef") or {}
        names: list[str] = [metadata["name"], metadata.get("namespace", ""), claim.get("namespace", "")]
        names.append(labels.get("app.kubernetes.io/instance", ""))
        if any(name == prefix or name.startswith(f"{prefix}-") for name in names):
            found.append(f"{path}/{metadata['name']}")
    return found


def test_destroy_leaves_nothing(chat: ChatStack, kube: Kube, node: Node) -> None:
    chat.settle(3, SMOLLM2)
    prefix = chat.stack.name
    before = leftovers(kube, prefix)
    # The search finds what there is: global objects, the namespace, a volume, and what is in the namespace.
    for kind in ("/priorityclasses/", "/namespaces/", "/persistentvolumes/", "/statefulsets/", "/networkpolicies/"):
        assert any(kind in path for path in before), f"{kind} not among {before}"
    disks = node.layout.state / "volumes"
    assert [path for path in disks.iterdir() if f"_{chat.namespace}_" in path.name]
    chat.disturb()
    chat.stack.destroy()
    assert chat.stack.resources() == []
    assert kube.get(f"/api/v1/namespaces/{chat.namespace}") is None
    # Volumes are taken down by their own controller, a moment after their claims.
    wait_for("nothing is left", lambda: not leftovers(kube, prefix), 60)
    wait_for("no disk is left", lambda: not [p for p in disks.iterdir() if f"_{chat.namespace}_" in p.name], 30)
