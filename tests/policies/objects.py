"""Objects to begin with, and changes to make to them."""

from __future__ import annotations

import copy
import json
from typing import Any, Final, cast

GONE: Final = object()
"""The value of a change that takes a field away."""

Object = dict[str, Any]

DIGEST = "sha256:" + "a" * 64
CONTAINER: Object = {
    "name": "main",
    "image": f"docker.io/ollama/ollama:0.17.4@{DIGEST}",
    "imagePullPolicy": "IfNotPresent",
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    },
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}},
    "readinessProbe": {"httpGet": {"path": "/", "port": 80}},
    "livenessProbe": {"httpGet": {"path": "/", "port": 80}},
}
SPEC: Object = {
    "automountServiceAccountToken": False,
    "enableServiceLinks": False,
    "serviceAccountName": "runner",
    "securityContext": {
        "runAsNonRoot": True,
        "runAsUser": 1001,
        "runAsGroup": 1001,
        "fsGroup": 1001,
        "seccompProfile": {"type": "RuntimeDefault"},
    },
    "containers": [CONTAINER],
    "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}}],
}
LABELS = {"app": "it"}
TEMPLATE: Object = {"metadata": {"labels": LABELS}, "spec": SPEC}


def changed(base: object, changes: dict[str | tuple[str, ...], Any]) -> Any:
    """A copy with fields set or taken away.

    Args:
        base: an object.
        changes: path such as `spec/containers/0/image` (or its parts), to the new value; missing maps are made.
    """
    found = copy.deepcopy(base)
    for path, value in changes.items():
        parts = path.split("/") if isinstance(path, str) else list(path)
        at: Any = found
        for part in parts[:-1]:
            at = cast("Any", at[int(part)] if isinstance(at, list) else at.setdefault(part, {}))
        last = parts[-1]
        if isinstance(at, list):
            items = cast("list[Any]", at)
            items[int(last) : int(last) + 1] = [] if value is GONE else [value]
        elif value is GONE:
            del at[last]
        else:
            at[last] = value
    return found


def named(version: str, kind: str, body: Object, *, name: str = "it", namespace: str | None = "team") -> Object:
    """An object with its metadata; what `body` says of those wins."""
    metadata: Object = {"name": name} | ({"namespace": namespace} if namespace else {})
    rest = dict(body)
    metadata |= rest.pop("metadata", {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **rest}


def workload(kind: str, template: Object) -> Object:
    """A pod template inside of the kind."""
    selector = {"matchLabels": LABELS}
    once = changed(template, {"spec/restartPolicy": "Never"})
    bodies: dict[str, tuple[str, Object]] = {
        "Pod": ("v1", template),
        "PodTemplate": ("v1", {"template": template}),
        "ReplicationController": ("v1", {"spec": {"selector": LABELS, "template": template}}),
        "Deployment": ("apps/v1", {"spec": {"replicas": 2, "selector": selector, "template": template}}),
        "StatefulSet": ("apps/v1", {"spec": {"replicas": 2, "selector": selector, "template": template}}),
        "DaemonSet": ("apps/v1", {"spec": {"selector": selector, "template": template}}),
        "ReplicaSet": ("apps/v1", {"spec": {"selector": selector, "template": template}}),
        "Job": ("batch/v1", {"spec": {"template": once}}),
        "CronJob": ("batch/v1", {"spec": {"schedule": "@daily", "jobTemplate": {"spec": {"template": once}}}}),
        # A kind that the pack has never heard of, with a pod template deep inside.
        "Rollout": ("argoproj.io/v1alpha1", {"spec": {"groups": [{"template": template}]}}),
    }
    version, body = bodies[kind]
    return named(version, kind, copy.deepcopy(body))


KINDS = (
    "Pod",
    "PodTemplate",
    "ReplicationController",
    "Deployment",
    "StatefulSet",
    "DaemonSet",
    "ReplicaSet",
    "Job",
    "CronJob",
    "Rollout",
)


def deployment(changes: dict[str | tuple[str, ...], Any]) -> Object:
    """A Deployment whose pod template differs from a good one by `changes`."""
    return workload("Deployment", changed(TEMPLATE, changes))


def role(*rules: Object, kind: str = "Role") -> Object:
    """A Role or ClusterRole."""
    return named("rbac.authorization.k8s.io/v1", kind, {"rules": list(rules)})


def grants(group: str, resource: str, *verbs: str, **more: Any) -> Object:
    """One rule."""
    return {"apiGroups": [group], "resources": [resource], "verbs": list(verbs), **more}


def binding(subject: Object, to: str = "it", kind: str = "Role", name: str = "it") -> Object:
    """A RoleBinding, or a ClusterRoleBinding for a ClusterRole that is bound in the whole cluster."""
    return named(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        {
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": to},
            "subjects": [subject],
        },
        name=name,
    )


def account(name: str = "runner") -> Object:
    """A service account as a subject."""
    return {"kind": "ServiceAccount", "name": name, "namespace": "team"}


def group(name: str) -> Object:
    """A group as a subject."""
    return {"kind": "Group", "name": name, "apiGroup": "rbac.authorization.k8s.io"}


def model(pull: Object | None = None, create: Object | None = None, **changes: Any) -> Object:
    """An OllamaModel as the program registers it: through the model store, unless `pull` or `create` is given."""
    store = {"source": "registry-ollama-ai.team.svc.cluster.local:5000/library/smollm2:135m", "insecure": True}
    pulled = None if create is not None else (store if pull is None else {"insecure": False, **pull})
    entry = {"name": "smollm2:135m", "pull": pulled, "create": create}
    return {
        "$token": "pulumi-python:dynamic/echorator:OllamaModel",
        "name": "smollm2:135m",
        "source": pulled["source"] if pulled is not None else "created from something",
        "entry": json.dumps(entry),
        "digest": DIGEST,
        **changes,
    }
