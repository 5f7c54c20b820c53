"""Roles seen as a whole: what one subject can do once all its bindings are added up.

Roles that the stack only names (`view`, an operator's) are not in it, so what they grant is not counted.
"""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from policies.check import Facts, Family, Finding, Severity, Stack
from policies.items import Item
from policies.rbac.rules import BINDINGS, GOOD_PRACTICES, GROUP, ROLES, WRITE, Rule, rules

FAMILY = Family("rbac", GOOD_PRACTICES)

Need = tuple[str, str, frozenset[str]]
"""Resource, group, and verbs of which one is enough."""

_PODS: tuple[Need, ...] = (
    ("pods", "", frozenset({"create"})),
    ("deployments", "apps", WRITE),
    ("statefulsets", "apps", WRITE),
    ("daemonsets", "apps", WRITE),
    ("jobs", "batch", WRITE),
    ("cronjobs", "batch", WRITE),
)
_CONTROL = frozenset({"create", "delete", "get", "list", "patch", "update"})
_CORE = ("configmaps", "pods", "secrets", "serviceaccounts", "services")


@dataclass
class Holder:
    """What one subject has."""

    rules: list[tuple[str, Rule]] = field(default_factory=list[tuple[str, Rule]])
    """Name of the binding, and a rule that comes by it."""
    urn: str = ""

    def has(self, needs: Iterable[Need]) -> str | None:
        """The binding by which any of `needs` comes, if one does."""
        for resource, group, verbs in needs:
            for binding, rule in self.rules:
                if rule.grants(resource, [group], verbs):
                    return binding
        return None

    def verbs(self, resource: str, group: str) -> frozenset[str]:
        """All verbs on a resource, from all bindings."""
        return frozenset(verb for _, rule in self.rules for verb in rule.verbs_on(resource, group))


_COMBINATIONS: tuple[tuple[str, tuple[tuple[Need, ...], ...]], ...] = (
    (
        "can approve and sign client certificates, and so become any user",
        (
            (("certificatesigningrequests/approval", "certificates.k8s.io", frozenset({"update", "patch"})),),
            (("signers", "certificates.k8s.io", frozenset({"approve", "sign"})),),
        ),
    ),
    (
        "can start a pod as any service account and look into it",
        (
            _PODS,
            (
                ("pods/exec", "", frozenset({"create", "get"})),
                ("pods/attach", "", frozenset({"create", "get"})),
                ("pods/log", "", frozenset({"get"})),
                ("pods/proxy", "", frozenset({"create", "get"})),
            ),
        ),
    ),
    (
        "can write roles and bind them, and so grant itself any right",
        (
            (("rolebindings", GROUP, WRITE), ("clusterrolebindings", GROUP, WRITE)),
            (
                ("roles", GROUP, frozenset({"escalate", "bind"})),
                ("clusterroles", GROUP, frozenset({"escalate", "bind"})),
            ),
        ),
    ),
    (
        "can make service accounts and issue their tokens",
        (
            (("serviceaccounts", "", frozenset({"create"})),),
            (("serviceaccounts/token", "", frozenset({"create"})),),
        ),
    ),
)


@FAMILY.stack_check(
    "subject-combination",
    Severity.CRITICAL,
    "No subject's bindings add up to a way to more rights",
    why="Each role may look harmless; together they make an administrator.",
    fix="Take one of the named bindings away, or split the work between two service accounts.",
)
def combination(stack: Stack, _: Facts) -> Iterator[Finding]:
    for subject, holder in holders(stack).items():
        for what, parts in _COMBINATIONS:
            by = [holder.has(part) for part in parts]
            if all(by):
                names = ", ".join(sorted({name for name in by if name}))
                yield Finding("", f"{subject} {what} (bindings: {names})", holder.urn)


@FAMILY.stack_check(
    "subject-control",
    Severity.CRITICAL,
    "No subject's bindings add up to control of a namespace or of the cluster",
    why="Rights that several roles spread over verbs are those of the built-in `admin`, without its name.",
    fix="Take away the verbs that are not used.",
)
def control(stack: Stack, _: Facts) -> Iterator[Finding]:
    for subject, holder in holders(stack).items():
        held = [holder.verbs(name, "") for name in _CORE]
        if all("*" in verbs or verbs >= _CONTROL for verbs in held):
            names = ", ".join(sorted({binding for binding, _ in holder.rules}))
            yield Finding("", f"{subject} controls {', '.join(_CORE)} (bindings: {names})", holder.urn)


def holders(stack: Stack) -> dict[str, Holder]:
    """Subject, such as `ServiceAccount team/runner`, to all that it has; groups count for the accounts in them."""
    granted: dict[tuple[str, str, str], list[Rule]] = {}
    for role in stack.all(ROLES):
        namespace = "" if role.kind == "ClusterRole" else role.namespace
        granted[role.kind, namespace, role.name or role.resource.name] = list(rules(role.body))
    found: dict[str, Holder] = defaultdict(Holder)
    for binding in stack.all(BINDINGS):
        reference = binding.body.at("roleRef")
        kind = reference.at("kind").text or "Role"
        namespace = "" if kind == "ClusterRole" else binding.namespace
        comes = granted.get((kind, namespace, reference.at("name").text or ""), [])
        called = binding.name or binding.resource.name
        for subject in _subjects(binding):
            holder = found[subject]
            holder.rules += [(called, rule) for rule in comes]
            holder.urn = holder.urn or binding.resource.urn
    for subject, holder in list(found.items()):
        if subject.startswith("ServiceAccount "):
            namespace = subject.removeprefix("ServiceAccount ").partition("/")[0]
            for group in ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated"):
                holder.rules += found[f"Group {group}"].rules if f"Group {group}" in found else []
    return dict(found)


def _subjects(binding: Item) -> Iterator[str]:
    for node in binding.body.at("subjects").each():
        kind, name = node.at("kind").text, node.at("name").text
        if kind == "ServiceAccount" and name:
            yield f"ServiceAccount {node.at('namespace').text or binding.namespace}/{name}"
        elif kind == "User" and name and name.startswith("system:serviceaccount:"):
            yield f"ServiceAccount {name.removeprefix('system:serviceaccount:').replace(':', '/', 1)}"
        elif kind and name:
            yield f"{kind} {name}"
