"""Broken versions of a stack: one security setting wrong in each."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, cast

from policies.items import Resource

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mutant:
    """A stack with one thing broken.

    Attributes:
        name: resource, place and what was done there.
        resources: of the whole stack.
        broken: the one that differs; None where it is gone.
    """

    name: str
    resources: list[Resource]
    broken: Resource | None


_TEXTS = {
    "restricted": "privileged",
    "RuntimeDefault": "Unconfined",
    "ALL": "NET_RAW",
    "ClusterIP": "LoadBalancer",
    "IfNotPresent": "Never",
    "v1.34": "latest",
}
_POD = ("securityContext", "automountServiceAccountToken", "enableServiceLinks", "serviceAccountName", "volumes")
_CONTAINER = ("securityContext", "resources", "readinessProbe", "livenessProbe", "image", "imagePullPolicy")
_WHOLE = ("readinessProbe", "livenessProbe", "image", "serviceAccountName")
"""Taken away as a whole, not piece by piece."""
_HARMLESS = ("fsGroupChangePolicy", "hugepages-2Mi")


def places(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every place below, with what is there."""
    below: Iterator[tuple[str | int, object]] = iter(())
    if isinstance(value, dict):
        below = iter(cast("dict[str, object]", value).items())
    elif isinstance(value, list):
        below = iter(enumerate(cast("list[object]", value)))
    for key, one in below:
        yield (*path, key), one
        yield from places(one, (*path, key))


def _get(value: Any, path: Path) -> Any:  # noqa: ANN401
    for part in path:
        value = value[part]
    return value


def _without(body: object, path: Path) -> object:
    found = copy.deepcopy(body)
    del _get(found, path[:-1])[path[-1]]
    return found


def _with(body: object, path: Path, value: object) -> object:
    found = copy.deepcopy(body)
    _get(found, path[:-1])[path[-1]] = value
    return found


def _weaker(path: Path, value: object) -> Iterator[tuple[str, object]]:
    """Worse values for a setting."""
    if isinstance(value, bool):
        yield f"= {not value}", not value
    elif isinstance(value, str) and value in _TEXTS:
        yield f"= {_TEXTS[value]}", _TEXTS[value]
    elif path[-1] in ("runAsUser", "runAsGroup", "fsGroup"):
        yield "= 0", 0.0
    elif isinstance(value, list) and path[-1] in ("drop", "policyTypes"):
        yield "emptied", []


def _settings(resource: Resource) -> Iterator[Path]:
    """Where a resource has security settings."""
    body = resource.inputs
    kind = resource.type.rsplit(":", 1)[-1]
    if kind in ("StatefulSet", "Deployment", "DaemonSet", "Job", "CronJob"):
        template: Path = ("spec", "template", "spec")
        spec = _get(body, template)
        for key in _POD:
            if key in spec:
                yield (*template, key)
        for group in ("containers", "initContainers"):
            for index, container in enumerate(spec.get(group, [])):
                yield from ((*template, group, index, key) for key in _CONTAINER if key in container)
        for index, _ in enumerate(body["spec"].get("volumeClaimTemplates", [])):
            yield ("spec", "volumeClaimTemplates", index, "spec", "storageClassName")
    elif kind == "Namespace":
        labels = body["metadata"]["labels"]
        yield from (("metadata", "labels", key) for key in labels if key.startswith("pod-security."))
    elif kind == "ServiceAccount":
        yield ("automountServiceAccountToken",)
    elif kind == "NetworkPolicy":
        yield from (("spec", key) for key in body["spec"] if key != "podSelector")
    elif kind == "ResourceQuota":
        hard = body["spec"]["hard"]
        yield from (("spec", "hard", key) for key in hard if key.startswith("services."))
    elif kind == "Service":
        yield ("spec", "type")
    elif kind == "OllamaModel":
        yield from ((key,) for key in ("digest",) if body.get(key) is not None)


def _there(body: Any, path: Path) -> bool:  # noqa: ANN401
    try:
        _get(body, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


Change = Callable[[Any], object]


def _wholly(resource: Resource) -> Iterator[tuple[str, Change]]:
    """What goes wrong with an object as a whole."""
    kind = resource.type.rsplit(":", 1)[-1]
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    if kind in ("Role", "ClusterRole"):
        for index, _ in enumerate(resource.inputs["rules"]):
            for key in ("verbs", "resources", "apiGroups"):
                yield f"rules[{index}].{key} = *", lambda body, i=index, k=key: _with(body, ("rules", i, k), ["*"])
        for bad in (
            rule,
            {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["create"]},
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["create"]},
            {"apiGroups": [""], "resources": ["serviceaccounts/token"], "verbs": ["create"]},
            {"apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"], "verbs": ["escalate"]},
        ):
            yield f"+ {bad['verbs'][0]} {bad['resources'][0]}", lambda body, b=bad: {**body, "rules": [*body["rules"], b]}
    if kind in ("RoleBinding", "ClusterRoleBinding"):
        admin = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
        yield "to cluster-admin", lambda body: {**body, "roleRef": admin}
        for name in ("system:authenticated", "system:anonymous", "system:masters", "system:serviceaccounts"):
            yield f"+ {name}", lambda body, n=name: {**body, "subjects": [*body["subjects"], {"kind": "Group", "name": n}]}
    if kind == "NetworkPolicy":
        for direction in ("ingress", "egress"):
            yield f"+ {direction} for all", lambda body, d=direction: _with(body, ("spec", d), [*body["spec"].get(d, []), {}])
    if kind == "Service":
        yield "+ externalIPs", lambda body: _with(body, ("spec", "externalIPs"), ["203.0.113.7"])
        yield "NodePort", lambda body: _with(body, ("spec", "type"), "NodePort")
    if kind in ("StatefulSet", "Deployment"):
        pod: Path = ("spec", "template", "spec")
        for key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
            yield f"+ {key}", lambda body, k=key: _with(body, (*pod, k), True)  # noqa: FBT003
        yield "+ hostPath", lambda body: _with(
            body, (*pod, "volumes"), [*_get(body, pod)["volumes"], {"name": "h", "hostPath": {"path": "/"}}]
        )
        for group in ("containers", "initContainers"):
            for index, _ in enumerate(_get(resource.inputs, pod).get(group, [])):
                at: Path = (*pod, group, index)
                yield f"+ {group}[{index}] privileged", lambda body, a=at: _with(body, (*a, "securityContext", "privileged"), True)  # noqa: E501, FBT003
                yield f"+ {group}[{index}] secret", lambda body, a=at: _with(
                    body, (*a, "env"), [*_get(body, a).get("env", []), {"name": "API_KEY", "value": "0123456789abcdef"}]
                )
                yield f"+ {group}[{index}] image", lambda body, a=at: _with(body, (*a, "image"), "nginx:latest")
    if kind == "ConfigMap":
        yield "+ key", lambda body: _with(body, ("data", "tls.key"), "-----BEGIN PRIVATE KEY-----\nMIIE")
    if kind == "OllamaModel":
        yield "other source", lambda body: {**body, "source": "hf.co/somebody/something:latest"}


_GONE = ("NetworkPolicy", "ResourceQuota", "LimitRange", "PodDisruptionBudget")


def mutants(stack: list[Resource]) -> Iterator[Mutant]:
    """Every one."""
    for index, resource in enumerate(stack):
        called = f"{resource.type.rsplit(':', 1)[-1]} {resource.name}"

        def made(name: str, body: object, at: int = index, prefix: str = called) -> Mutant:
            broken = replace(stack[at], inputs=body)
            return Mutant(f"{prefix}: {name}", [*stack[:at], broken, *stack[at + 1 :]], broken)

        for top in _settings(resource):
            if not _there(resource.inputs, top):
                continue
            value = _get(resource.inputs, top)
            pieces = () if top[-1] in _WHOLE else places(value, top)
            for path, one in ((top, value), *pieces):
                if isinstance(path[-1], int) or path[-1] in _HARMLESS:
                    continue
                shown = ".".join(str(part) for part in path)
                yield made(f"- {shown}", _without(resource.inputs, path))
                for what, worse in _weaker(path, one):
                    yield made(f"{shown} {what}", _with(resource.inputs, path, worse))
        for what, change in _wholly(resource):
            yield made(what, change(resource.inputs))
        if resource.type.rsplit(":", 1)[-1] in _GONE:
            yield Mutant(f"{called}: gone", [*stack[:index], *stack[index + 1 :]], None)
