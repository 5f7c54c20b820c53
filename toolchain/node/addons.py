"""What runs in every cluster of ours: RBAC of the node's parts, DNS, storage, the registry's Service."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from toolchain.node.api import Api, object_path

_FOLDER = Path(__file__).parent / "addons"
RBAC = ("rbac.yaml",)
ADDONS = ("local-registry.yaml", "local-path.yaml", "coredns.yaml")


def documents(names: tuple[str, ...]) -> list[dict[str, Any]]:
    """The manifests in the named files, in order."""
    found: list[dict[str, Any]] = []
    for name in names:
        found += [item for item in yaml.safe_load_all((_FOLDER / name).read_text()) if item]
    return found


def images() -> tuple[str, ...]:
    """Images that the add-ons need, as the node will ask for them."""
    found: set[str] = set()
    for document in documents(ADDONS):
        if document["kind"] == "Deployment":
            found |= {c["image"] for c in document["spec"]["template"]["spec"]["containers"]}
        elif "helperPod.yaml" in document.get("data", {}):
            helper = yaml.safe_load(document["data"]["helperPod.yaml"])
            found |= {c["image"] for c in helper["spec"]["containers"]}
    return tuple(sorted(found))


def apply(api: Api, names: tuple[str, ...]) -> None:
    """Brings the named files' objects to the API server; changes nothing when they are as wanted.

    Raises:
        NodeError: An object was refused.
    """
    for document in documents(names):
        api.apply(document)


def unavailable(api: Api, boot: float) -> list[str]:
    """Deployments of the add-ons that are not wholly available, as ``namespace/name: why``.

    Args:
        api: The API server.
        boot: Start of the node, seconds since 1970. What pods said before it is not believed: a
            killed node cannot take its "Ready" back.
    """
    result: list[str] = []
    for document in documents(ADDONS):
        if document["kind"] != "Deployment":
            continue
        metadata = document["metadata"]
        live = api.get(object_path(document))
        pods: list[dict[str, Any]] = []
        if live is not None:
            selector = ",".join(f"{k}={v}" for k, v in live["spec"]["selector"]["matchLabels"].items())
            listed = api.get(f"/api/v1/namespaces/{metadata['namespace']}/pods?labelSelector={quote(selector)}")
            pods = listed["items"] if listed is not None else []
        why = shortfall(live, pods, boot)
        if why:
            result.append(f"{metadata['namespace']}/{metadata['name']}: {why}")
    return result


def stale_pods(api: Api, node: str, boot: float) -> list[str]:
    """Pods on the node that still claim containers from before ``boot``, as ``namespace/name``."""
    listed = api.get(f"/api/v1/pods?fieldSelector={quote(f'spec.nodeName={node}')}")
    pods: list[dict[str, Any]] = listed["items"] if listed is not None else []
    return [
        f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        for pod in pods
        if any(started < int(boot) for started in _started(pod))
    ]


def _started(pod: dict[str, Any]) -> list[float]:
    """Start times of the pod's containers that are said to run."""
    running = [c.get("state", {}).get("running") for c in pod.get("status", {}).get("containerStatuses", [])]
    return [dt.datetime.fromisoformat(state["startedAt"]).timestamp() for state in running if state]


def shortfall(deployment: dict[str, Any] | None, pods: list[dict[str, Any]], boot: float) -> str:
    """Why a Deployment is not wholly available; empty when it is."""
    if deployment is None:
        return "missing"
    status: dict[str, Any] = deployment.get("status", {})
    wanted: int = deployment["spec"]["replicas"]
    if status.get("observedGeneration", 0) < deployment["metadata"]["generation"]:
        return "not yet seen by the controller manager"
    ready = [
        pod
        for pod in pods
        if any(c["type"] == "Ready" and c["status"] == "True" for c in pod.get("status", {}).get("conditions", []))
        and all(started >= int(boot) for started in _started(pod))
    ]
    updated = status.get("updatedReplicas", 0)
    if updated < wanted:
        return f"{updated} of {wanted} updated"
    if len(ready) >= wanted:
        return ""
    waiting = [
        f"{waits['reason']} {waits.get('message', '')}".strip()
        for pod in pods
        for container in pod.get("status", {}).get("containerStatuses", [])
        if (waits := container.get("state", {}).get("waiting"))
    ]
    return f"{min(len(ready), wanted)} of {wanted} available" + "".join(f", {why}" for why in sorted(set(waiting)))
