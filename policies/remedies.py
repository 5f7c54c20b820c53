"""Fixes that are safe: they take rights away that the pack's checks forbid, and no working program misses them.

Each is a policy of its own, off until the pack's configuration sets its level to `remediate`. They work on the raw
inputs: unknowns pass through as they are, and secrets stay secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from policies.items import Resource
from policies.pods import Pod
from policies.wire import SENTINELS, plain

_PROXIES = ("_DictProxy", "_ListProxy", "_DictSecretsProxy", "_ListSecretsProxy")

Raw = dict[str, Any]
Fix = Callable[[Resource, Raw], bool]


@dataclass(frozen=True)
class Remedy:
    """One fix.

    Attributes:
        id: name of its policy.
        fixes: the checks that it satisfies.
        title: what it does.
        apply: changes the raw inputs in place, and says whether it did.
    """

    id: str
    fixes: tuple[str, ...]
    title: str
    apply: Fix


def remedied(remedy: Remedy, kind: str, name: str, props: Mapping[str, Any]) -> Raw | None:
    """The inputs as they should be; None where nothing is to be done.

    Args:
        remedy: to apply.
        kind: the resource's type.
        name: the resource's name.
        props: the SDK's view of the inputs, or a plain dictionary.
    """
    raw = cast("Raw", _raw(props))
    return raw if remedy.apply(Resource(kind, name, plain(raw)), raw) else None


def _raw(value: object) -> Any:  # noqa: ANN401
    """A copy to change, of the SDK's proxies in proxies; its wrappers of secrets are kept."""
    if type(value).__name__ in _PROXIES:
        value = cast("Any", value)["__target"]
    if isinstance(value, Mapping):
        return {str(key): _raw(one) for key, one in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list):
        return [_raw(one) for one in cast("list[object]", value)]
    if type(value).__name__ == "Secret" and hasattr(value, "value"):
        return type(value)(_raw(cast("Any", value).value))  # pyright: ignore[reportCallIssue]
    return value


def _open(raw: object) -> object:
    """What a secret wraps."""
    return cast("Any", raw).value if type(raw).__name__ == "Secret" and hasattr(raw, "value") else raw


def _go(raw: object, path: str) -> Raw | None:
    """The map at a path such as `spec.containers[0]`, also inside of secrets; None where there is none."""
    found = _open(raw)
    for part in path.replace("[", ".[").split(".") if path else ():
        if part.startswith("["):
            index = int(part[1:-1])
            found = _open(cast("list[Any]", found)[index]) if isinstance(found, list) else None
        else:
            found = _open(cast("Raw", found).get(part)) if isinstance(found, dict) else None
    return cast("Raw", found) if isinstance(found, dict) else None


def _set(holder: Raw | None, key: str, value: object) -> bool:
    """Set a field that is missing or wrong; one that is not known yet is left alone."""
    if holder is None:
        return False
    old = _open(holder.get(key))
    if old == value or (isinstance(old, str) and old in SENTINELS):
        return False
    holder[key] = value
    return True


def _context(holder: Raw | None) -> Raw | None:
    """The `securityContext` of a pod or container, made where there is none; None where it is not known."""
    if holder is None:
        return None
    if holder.get("securityContext") is None:
        holder["securityContext"] = {}
    found = _open(cast("object", holder["securityContext"]))
    return cast("Raw", found) if isinstance(found, dict) else None


def _pods(resource: Resource) -> Iterator[Pod]:
    for item in resource.items:
        if not item.body.partial:
            yield from (pod for pod in item.pods if not pod.operated and pod.spec.present)


def _no_escalation(resource: Resource, raw: Raw) -> bool:
    changed = False
    for pod in _pods(resource):
        for container in () if pod.maybe_windows else pod.containers():
            changed |= _set(_context(_go(raw, container.node.path)), "allowPrivilegeEscalation", False)
    return changed


def _seccomp(resource: Resource, raw: Raw) -> bool:
    changed = False
    for pod in _pods(resource):
        if not pod.maybe_windows and pod.security("seccompProfile").missing:
            changed |= _set(_context(_go(raw, pod.spec.path)), "seccompProfile", {"type": "RuntimeDefault"})
    return changed


def _links(resource: Resource, raw: Raw) -> bool:
    changed = False
    for pod in _pods(resource):
        if pod.spec.at("enableServiceLinks").missing:
            changed |= _set(_go(raw, pod.spec.path), "enableServiceLinks", False)
    return changed


def _account_token(resource: Resource, raw: Raw) -> bool:
    changed = False
    for item in resource.items:
        if item.key == ("", "ServiceAccount") and not item.body.partial:
            changed |= _set(_go(raw, item.body.path), "automountServiceAccountToken", False)
    return changed


REMEDIES = (
    Remedy(
        "fix-privilege-escalation",
        ("workload-privilege-escalation",),
        "Sets allowPrivilegeEscalation: false for each container",
        _no_escalation,
    ),
    Remedy(
        "fix-seccomp",
        ("workload-seccomp",),
        "Sets the seccomp profile RuntimeDefault for pods that name none",
        _seccomp,
    ),
    Remedy(
        "fix-service-links",
        ("workload-service-links",),
        "Sets enableServiceLinks: false for pods that say nothing",
        _links,
    ),
    Remedy(
        "fix-account-token",
        ("rbac-account-token",),
        "Sets automountServiceAccountToken: false for service accounts",
        _account_token,
    ),
)
