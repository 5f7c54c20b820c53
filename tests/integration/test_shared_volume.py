"""Proves that replicas can share one volume that a writer fills, and that none of them writes to it.

The volume is one of the local provisioner, which several pods of one node may mount; a real ReadWriteMany volume and
several nodes are not shown.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.chat import MINILM, SMOLLM2, server, store
from tests.integration.mirror import Mirror, upstream_model
from tests.support.kube import Kube, Replica, wait_for
from tests.support.stack import LiveStack
from toolchain.node.node import Node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

CLAIM = "weights"


def shared(*models: str) -> dict[str, Any]:
    """The settings of two replicas that read one volume."""
    return server(2, models) | {"volume": {"mode": "shared", "claim": CLAIM}}


def test_one_writes_and_all_read(
    make_stack: Callable[[str], LiveStack], kube: Kube, mirror: Mirror, node: Node
) -> None:
    stack = make_stack("shared")
    settings = {"modelStore": store(mirror)}
    stack.configure(settings)
    stack.up()
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    claims = f"/api/v1/namespaces/{stack.namespace}/persistentvolumeclaims"
    kube.create(claims, {"metadata": {"name": CLAIM}, "spec": spec})
    stack.configure({**settings, "servers": [shared(SMOLLM2)]})
    stack.up()
    digest, _ = upstream_model(node, SMOLLM2)
    pods = ("chat-writer-0", "chat-0", "chat-1")
    for name in pods:
        kube.wait_ready(stack.namespace, name)
        assert Replica(kube, stack.namespace, name).digests() == {SMOLLM2: digest}
    assert "Paris" in Replica(kube, stack.namespace, "chat-1").ask(SMOLLM2, "What is the capital of France?")
    for name in ("chat-0", "chat-1"):
        pod = kube.pod(stack.namespace, name)
        assert pod is not None
        ollama = next(one for one in pod["spec"]["containers"] if one["name"] == "ollama")
        mounts = [one for one in ollama["volumeMounts"] if one.get("readOnly")]
        assert mounts, "a replica could write to the models of all"
    # Clients are answered by the replicas alone.
    slices = kube.items(f"/apis/discovery.k8s.io/v1/namespaces/{stack.namespace}/endpointslices")
    behind = {
        endpoint["targetRef"]["name"]
        for one in slices
        if one["metadata"]["labels"].get("kubernetes.io/service-name") == "chat"
        for endpoint in one["endpoints"]
    }
    assert behind == {"chat-0", "chat-1"}

    stack.configure({**settings, "servers": [shared(MINILM)]})
    stack.up()
    other, _ = upstream_model(node, MINILM)
    for name in pods:
        replica = Replica(kube, stack.namespace, name)
        wait_for(f"{name} has the other model alone", lambda one=replica: one.digests() == {MINILM: other}, 60)
