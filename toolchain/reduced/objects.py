"""What the simulated cluster holds from the start: nodes and the default storage class."""

from __future__ import annotations

import http.client
import json
from typing import Any

from toolchain.node.api import Api
from toolchain.reduced.errors import ReducedError

NODE_ANNOTATION = "kwok.x-k8s.io/node"
PROVISIONER = "volumes.echorator.dev/simulated"
STORAGE_CLASS = "simulated"
NODE_NAMES = ("simulated-a", "simulated-b", "simulated-c")
"""Three, each in a zone of its own, so that spreading has something to spread over."""


def node(name: str) -> dict[str, Any]:
    """A node of a common size, which KWOK keeps Ready."""
    size = {"cpu": "16", "memory": "64Gi", "ephemeral-storage": "100Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {NODE_ANNOTATION: "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": name,
            },
        },
        "status": {"allocatable": size, "capacity": size},
    }


def storage_class() -> dict[str, Any]:
    """The default class; like the local cluster's it waits for a pod, so that a claim without one stays Pending."""
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def install(api: Api) -> None:
    """Makes what is missing.

    Raises:
        ReducedError: The API server refused an object.
    """
    api.apply(storage_class())
    for name in NODE_NAMES:
        status, body = api.request("POST", "/api/v1/nodes", json.dumps(node(name)).encode())
        if status not in (http.client.CREATED, http.client.CONFLICT):
            raise ReducedError(f"node {name} was refused ({status}): {body.decode(errors='replace')[:300]}")


def not_ready(api: Api) -> list[str]:
    """Nodes that do not take pods yet, and what else is missing before a pod can be made."""
    found = api.get("/api/v1/nodes") or {"items": []}
    ready = {
        item["metadata"]["name"]
        for item in found["items"]
        if not item["spec"].get("taints")
        and any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in item.get("status", {}).get("conditions", [])
        )
    }
    missing = [f"node {name}" for name in NODE_NAMES if name not in ready]
    # Made by the controllers; a pod made before is refused.
    if api.get("/api/v1/namespaces/default/serviceaccounts/default") is None:
        missing.append("the default service account")
    return missing
