"""Checks of bindings: who gets a role, and which."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections.abc import Iterator

from policies.check import Facts, Family, Finding, Parameter, Severity, at
from policies.items import Item
from policies.nodes import Node
from policies.rbac.rules import BINDINGS, GOOD_PRACTICES

FAMILY = Family("rbac", GOOD_PRACTICES)
_GROUPS = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings"


@FAMILY.check(
    "cluster-admin",
    Severity.CRITICAL,
    "Nobody is bound to cluster-admin or another built-in role that writes everything",
    on=BINDINGS,
    why="Such a subject owns the cluster, or the whole namespace with its Secrets.",
    fix="Bind a role with the rules that are used.",
    parameters={"roles": Parameter(["cluster-admin", "admin", "edit"], "ClusterRoles that nobody is bound to.")},
)
def cluster_admin(binding: Item, facts: Facts) -> Iterator[Finding]:
    role = binding.body.at("roleRef", "name")
    if role.text in facts.texts("roles") and binding.body.at("roleRef", "kind").text != "Role":
        yield at(role, f"is {role}")


def _subjects(binding: Item) -> Iterator[tuple[Node, str, str]]:
    for node in binding.body.at("subjects").each():
        yield node, node.at("kind").text or "", node.at("name").text or ""


def _named(identity: str, subject: str, severity: Severity, why: str, fix: str) -> None:
    @FAMILY.check(
        identity,
        severity,
        f"Nothing is granted to {subject}",
        on=BINDINGS,
        link=_GROUPS,
        why=why,
        fix=fix,
    )
    def named(binding: Item, _: Facts) -> Iterator[Finding]:
        for node, _kind, name in _subjects(binding):
            if name == subject:
                yield at(node.at("name"), f"is {subject}")

    named.__name__ = identity.replace("-", "_")


_FIX = "Name the group or service account that is meant."
_named(
    "anonymous", "system:anonymous", Severity.CRITICAL,
    "Everybody who reaches the API server gets it, without a token.", _FIX,
)  # fmt: skip
_named(
    "unauthenticated", "system:unauthenticated", Severity.CRITICAL,
    "Everybody who reaches the API server gets it, without a token.", _FIX,
)  # fmt: skip
_named(
    "authenticated", "system:authenticated", Severity.HIGH,
    "Every user and every pod's account in the cluster gets it, those of other teams too.", _FIX,
)  # fmt: skip
_named(
    "masters", "system:masters", Severity.CRITICAL,
    "That group passes by all authorization; a binding to it hides who really has the rights.",
    "Use a group of the sign-in that can be taken away.",
)  # fmt: skip


@FAMILY.check(
    "all-service-accounts",
    Severity.HIGH,
    "Nothing is granted to all service accounts",
    on=BINDINGS,
    why="`system:serviceaccounts` is every pod of the cluster, with a namespace's name every pod in there.",
    fix="Name the service account that is meant.",
)
def all_service_accounts(binding: Item, _: Facts) -> Iterator[Finding]:
    for node, kind, name in _subjects(binding):
        if kind == "Group" and (name == "system:serviceaccounts" or name.startswith("system:serviceaccounts:")):
            yield at(node.at("name"), f"is {name}")


@FAMILY.check(
    "default-service-account",
    Severity.HIGH,
    "Nothing is granted to a default service account",
    on=BINDINGS,
    why="Every pod of the namespace that names no account runs as it.",
    fix="Make a service account for the pods that are meant.",
)
def default_account(binding: Item, _: Facts) -> Iterator[Finding]:
    for node, kind, name in _subjects(binding):
        spelled = kind == "User" and name.startswith("system:serviceaccount:") and name.endswith(":default")
        if (kind == "ServiceAccount" and name == "default") or spelled:
            yield at(node.at("name"), "is a default service account")
