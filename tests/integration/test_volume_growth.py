"""On the real controllers: volumes grow while their pods run, and so they do when it is cut off at its worst moment.

Not proved: that a volume becomes larger, since nothing in the local cluster resizes one; and that the rest of a deploy
goes well with it, which the tests of the other files look at.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from components import kube_context
from components.kube_api import KubeApi, Object
from components.volume_growth_steps import Growth, Wanted
from tests.support.kube import Kube
from tests.support.stack import Engine

pytestmark = pytest.mark.cluster

CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
REPLICAS = 2


class KilledError(Exception):
    """The deploy was killed."""


class Mortal(KubeApi):
    """Dies once the StatefulSet was deleted."""

    def delete(self, path: str, *, uid: str | None = None, orphan: bool = False) -> Object | None:
        super().delete(path, uid=uid, orphan=orphan)
        raise KilledError


@pytest.fixture
def namespace(kube: Kube, run_name: str) -> Iterator[str]:
    name = f"{run_name}-growth"
    kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
    kube.create(
        CLASSES,
        {
            "metadata": {"name": name},
            "provisioner": "rancher.io/local-path",
            "allowVolumeExpansion": True,
            "volumeBindingMode": "WaitForFirstConsumer",
        },
    )
    kube.create(f"/apis/apps/v1/namespaces/{name}/statefulsets", stateful_set(name))
    for ordinal in range(REPLICAS):
        kube.wait_ready(name, f"chat-{ordinal}")
    try:
        yield name
    finally:
        kube.delete_namespace(name)
        kube.delete(f"{CLASSES}/{name}")


def stateful_set(name: str) -> dict[str, Any]:
    container = {
        "name": "writer",
        "image": "docker.io/library/busybox:1.35",
        "command": ["sh", "-c", "echo $HOSTNAME >> /data/starts; exec sleep 3600"],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    }
    claim = {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": name,
        "resources": {"requests": {"storage": "64Mi"}},
    }
    return {
        "metadata": {"name": "chat"},
        "spec": {
            "replicas": REPLICAS,
            "podManagementPolicy": "Parallel",
            "serviceName": "chat-pods",
            "selector": {"matchLabels": {"app": "chat"}},
            "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Delete", "whenScaled": "Delete"},
            "template": {
                "metadata": {"labels": {"app": "chat"}},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": [container]},
            },
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": claim}],
        },
    }


def grow(api: KubeApi, namespace: str, storage: str) -> None:
    wanted = Wanted(namespace=namespace, stateful_set="chat", claim="data", storage=storage)
    Growth(api, wanted, resize_s=0).run()


def seen(kube: Kube, namespace: str) -> dict[str, Any]:
    """Who the pods and claims are, and how often each pod's container was started."""
    pods = kube.items(f"/api/v1/namespaces/{namespace}/pods")
    claims = kube.items(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims")
    return {
        "uids": {one["metadata"]["name"]: one["metadata"]["uid"] for one in (*pods, *claims)},
        "starts": [kube.execute(namespace, f"chat-{ordinal}", "writer", "cat", "/data/starts") for ordinal in range(2)],
    }


def sizes(kube: Kube, namespace: str) -> set[str]:
    live = kube.get(f"/apis/apps/v1/namespaces/{namespace}/statefulsets/chat")
    assert live is not None
    policy = live["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert policy == {"whenDeleted": "Delete", "whenScaled": "Delete"}
    claims = kube.items(f"/api/v1/namespaces/{namespace}/persistentvolumeclaims")
    specs = [one["spec"] for one in (*claims, *live["spec"]["volumeClaimTemplates"])]
    return {one["resources"]["requests"]["storage"] for one in specs}


def test_growth(kube: Kube, engine: Engine, namespace: str) -> None:
    before = seen(kube, namespace)
    context = kube_context.load(paths=[engine.kubeconfig])
    with KubeApi(context) as api:
        grow(api, namespace, "128Mi")
        assert sizes(kube, namespace) == {"128Mi"}
        assert seen(kube, namespace) == before
        with Mortal(context) as mortal, pytest.raises(KilledError):
            grow(mortal, namespace, "256Mi")
        grow(api, namespace, "256Mi")
    assert sizes(kube, namespace) == {"256Mi"}
    assert seen(kube, namespace) == before
    # A later replica gets a volume of the new size.
    kube.patch(f"/apis/apps/v1/namespaces/{namespace}/statefulsets/chat", {"spec": {"replicas": REPLICAS + 1}})
    kube.wait_ready(namespace, f"chat-{REPLICAS}")
    assert sizes(kube, namespace) == {"256Mi"}
