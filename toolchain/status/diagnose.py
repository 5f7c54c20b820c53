"""Reads pods, claims and nodes as the API server gives them and says what is wrong with each and what to do.

Pure: it is given the objects as dictionaries, so that every rule can be shown on an object written down in a test.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

Object = Mapping[str, Any]

# From this many restarts on a container that runs again is worth a word, if the last one is not long ago.
RESTARTS_WORTH_A_WORD = 3

_WAITING = {
    "ErrImagePull": "the image cannot be pulled; is it in the registry? `make up` fills the local one",
    "ImagePullBackOff": "the image cannot be pulled; is it in the registry? `make up` fills the local one",
    "InvalidImageName": "the image's name is not valid; correct it in the stack's configuration",
    "CrashLoopBackOff": "it starts and ends again; its last words: kubectl logs -n {namespace} {name} --previous",
    "CreateContainerConfigError": "a ConfigMap or Secret that it names is missing; `make pulumi ARGS='up -s dev'`",
    "CreateContainerError": "the container cannot be made; see: kubectl describe pod -n {namespace} {name}",
    "RunContainerError": "the container cannot be started; see: kubectl describe pod -n {namespace} {name}",
}


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, what, and what a person does about it."""

    where: str
    what: str
    todo: str


def _name(item: Object) -> str:
    metadata = item["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def _unscheduled(pod: Object) -> Problem | None:
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            message = str(condition.get("message", "no node fits"))
            todo = "give the node more room or the server smaller resources in the stack's configuration"
            if "unbound" in message or "persistentvolumeclaim" in message.lower():
                todo = "its volume is not bound: does the storage class exist? kubectl get storageclass,pvc -A"
            elif "taint" in message:
                todo = "no node without a taint fits: add a toleration or a node"
            return Problem(f"pod {_name(pod)}", message, todo)
    return None


def _ended_after(terminated: Object, since: datetime) -> bool:
    finished = terminated.get("finishedAt")
    return finished is not None and datetime.fromisoformat(str(finished)) >= since


def _container_problem(pod: Object, status: Object, since: datetime) -> Problem | None:
    metadata = pod["metadata"]
    where = f"pod {_name(pod)}, container {status['name']}"
    state = status.get("state", {})
    if waiting := state.get("waiting"):
        reason = str(waiting.get("reason", ""))
        if reason in _WAITING:
            todo = _WAITING[reason].format(namespace=metadata.get("namespace"), name=metadata["name"])
            message = str(waiting.get("message") or "")
            return Problem(where, f"{reason}: {message}".rstrip(": "), todo)
    killed: Object = status.get("lastState", {}).get("terminated") or {}
    if killed.get("reason") == "OOMKilled":
        return Problem(where, "ended by the kernel: out of memory", "raise its memory limit, or choose a smaller model")
    restarts = int(status.get("restartCount", 0))
    if restarts >= RESTARTS_WORTH_A_WORD and _ended_after(killed, since):
        return Problem(
            where,
            f"restarted {restarts} times",
            f"kubectl logs -n {metadata.get('namespace')} {metadata['name']} --previous",
        )
    return None


def pod_problems(pods: Iterable[Object], since: datetime) -> list[Problem]:
    """Find the pods that do not do their work.

    A pod that is still starting is no problem: only what will not mend itself within a minute or two is named.

    Args:
        pods: as the API server lists them.
        since: restarts count when the last one was after this: each stop of the machine is a restart too.
    """
    found: list[Problem] = []
    for pod in pods:
        if unscheduled := _unscheduled(pod):
            found.append(unscheduled)
            continue
        status = pod.get("status", {})
        if status.get("phase") == "Failed":
            what = f"failed: {status.get('reason') or status.get('message') or 'no reason given'}"
            found.append(Problem(f"pod {_name(pod)}", what, f"kubectl describe pod -n {_name(pod).replace('/', ' ')}"))
            continue
        containers = [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]
        found += [problem for one in containers if (problem := _container_problem(pod, one, since))]
    return found


def claim_problems(claims: Iterable[Object]) -> list[Problem]:
    """Find the volume claims that lost their volume; one that waits for its first pod is as it should be."""
    return [
        Problem(f"claim {_name(claim)}", "its volume is lost", "delete the claim and its pod; models are pulled again")
        for claim in claims
        if claim.get("status", {}).get("phase") == "Lost"
    ]


def node_problems(nodes: Iterable[Object]) -> list[Problem]:
    """Find the nodes that are not ready or short of something."""
    found: list[Problem] = []
    for node in nodes:
        for condition in node.get("status", {}).get("conditions", []):
            kind, state = condition["type"], condition["status"]
            message = str(condition.get("message", ""))
            if kind == "Ready" and state != "True":
                found.append(Problem(f"node {_name(node)}", f"not ready: {message}", "`make up` mends a local node"))
            elif kind.endswith("Pressure") and state == "True":
                found.append(Problem(f"node {_name(node)}", f"{kind}: {message}", "free what the message names"))
    return found
