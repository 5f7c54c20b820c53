"""Broken versions of a stack: one security setting wrong in each."""

from __future__ import annotations

import copy
import json
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
_HARMLESS = ("fsGroupChangePolicy", "optional")


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


def _get(value: Any, path: Path) -> Any:
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


def _of_pods(body: Any) -> Iterator[Path]:
    template: Path = ("spec", "template", "spec")
    spec = _get(body, template)
    yield from ((*template, key) for key in _POD if key in spec)
    for group in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(group, [])):
            yield from ((*template, group, index, key) for key in _CONTAINER if key in container)
    for index, _ in enumerate(body["spec"].get("volumeClaimTemplates", [])):
        yield ("spec", "volumeClaimTemplates", index, "spec", "storageClassName")


def _below(*path: str, prefix: str = "", but: str = "") -> Callable[[Any], Iterator[Path]]:
    def found(body: Any) -> Iterator[Path]:
        return ((*path, key) for key in _get(body, path) if key.startswith(prefix) and key != but)

    return found


_SETTINGS: dict[str, Callable[[Any], Iterator[Path]]] = {
    **dict.fromkeys(("StatefulSet", "Deployment", "DaemonSet", "Job"), _of_pods),
    "Namespace": _below("metadata", "labels", prefix="pod-security."),
    "ServiceAccount": _below(prefix="automountServiceAccountToken"),
    "NetworkPolicy": _below("spec", but="podSelector"),
    "ResourceQuota": _below("spec", "hard", prefix="services."),
    "Service": _below("spec", prefix="type"),
    "OllamaModel": lambda body: iter([("digest",)] if body.get("digest") is not None else []),
}
"""Kind to where its security settings are."""


def _settings(resource: Resource) -> Iterator[Path]:
    find = _SETTINGS.get(resource.type.rsplit(":", 1)[-1])
    return iter(()) if find is None else find(resource.inputs)


def _there(body: Any, path: Path) -> bool:
    try:
        _get(body, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


Change = Callable[[Any], object]


Changes = Iterator[tuple[str, Change]]


def _role(body: Any) -> Changes:
    for index, _ in enumerate(body["rules"]):
        for key in ("verbs", "resources", "apiGroups"):
            yield f"rules[{index}].{key} = *", lambda body, i=index, k=key: _with(body, ("rules", i, k), ["*"])
    for group, resource, verb in (
        ("", "secrets", "get"),
        ("", "pods/exec", "create"),
        ("", "pods", "create"),
        ("", "serviceaccounts/token", "create"),
        ("rbac.authorization.k8s.io", "roles", "escalate"),
    ):
        bad = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
        yield f"+ {verb} {resource}", lambda body, b=bad: {**body, "rules": [*body["rules"], b]}


def _binding(_: Any) -> Changes:
    admin = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}
    yield "to cluster-admin", lambda body: {**body, "roleRef": admin}
    for name in ("system:authenticated", "system:anonymous", "system:masters", "system:serviceaccounts"):
        bad = {"kind": "Group", "name": name}
        yield f"+ {name}", lambda body, b=bad: {**body, "subjects": [*body["subjects"], b]}


def _policy(_: Any) -> Changes:
    for way in ("ingress", "egress"):
        for_all: dict[str, Any] = {}
        yield f"+ {way} for all", lambda body, w=way, a=for_all: _with(body, ("spec", w), [*body["spec"].get(w, []), a])


def _service(_: Any) -> Changes:
    yield "+ externalIPs", lambda body: _with(body, ("spec", "externalIPs"), ["203.0.113.7"])
    yield "NodePort", lambda body: _with(body, ("spec", "type"), "NodePort")


def _workload(body: Any) -> Changes:
    pod: Path = ("spec", "template", "spec")
    for key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
        yield f"+ {key}", lambda body, k=key: _with(body, (*pod, k), value=True)
    host = {"name": "h", "hostPath": {"path": "/"}}
    yield "+ hostPath", lambda body: _with(body, (*pod, "volumes"), [*_get(body, pod)["volumes"], host])
    secret = {"name": "API_KEY", "value": "0123456789abcdef"}
    for group in ("containers", "initContainers"):
        for index, _ in enumerate(_get(body, pod).get(group, [])):
            at: Path = (*pod, group, index)
            name = f"{group}[{index}]"
            yield (
                f"+ {name} privileged",
                lambda body, a=at: _with(body, (*a, "securityContext", "privileged"), value=True),
            )
            yield (
                f"+ {name} secret",
                lambda body, a=at: _with(body, (*a, "env"), [*_get(body, a).get("env", []), secret]),
            )
            yield f"+ {name} image", lambda body, a=at: _with(body, (*a, "image"), "nginx:latest")


def _config_map(_: Any) -> Changes:
    yield "+ key", lambda body: _with(body, ("data", "tls.key"), "-----BEGIN PRIVATE KEY-----\nMIIE")


def _model(_: Any) -> Changes:
    bad = json.dumps({"pull": {"source": "hf.co/somebody/something:latest"}})
    yield "other source", lambda body: {**body, "entry": bad}


_WHOLLY: dict[str, Callable[[Any], Changes]] = {
    **dict.fromkeys(("Role", "ClusterRole"), _role),
    **dict.fromkeys(("RoleBinding", "ClusterRoleBinding"), _binding),
    **dict.fromkeys(("StatefulSet", "Deployment"), _workload),
    "NetworkPolicy": _policy,
    "Service": _service,
    "ConfigMap": _config_map,
    "OllamaModel": _model,
}
"""Kind to what can go wrong with an object as a whole."""


def _wholly(resource: Resource) -> Changes:
    find = _WHOLLY.get(resource.type.rsplit(":", 1)[-1])
    return iter(()) if find is None else find(resource.inputs)


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
