"""What a rule of a Role grants."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Self

from policies.check import kinds
from policies.nodes import Node

GROUP = "rbac.authorization.k8s.io"
ROLES = kinds(GROUP, "Role", "ClusterRole")
BINDINGS = kinds(GROUP, "RoleBinding", "ClusterRoleBinding")
GOOD_PRACTICES = "https://kubernetes.io/docs/concepts/security/rbac-good-practices/"

WRITE = frozenset({"create", "update", "patch"})
READ = frozenset({"get", "list", "watch"})


@dataclass(frozen=True, slots=True)
class Rule:
    """The known part of one rule; what is unknown in it grants nothing."""

    where: str
    groups: frozenset[str]
    resources: frozenset[str]
    verbs: frozenset[str]
    urls: frozenset[str]
    names: frozenset[str]
    any_group: bool = False

    @classmethod
    def of(cls, node: Node) -> Self:
        """Read one element of `rules`."""

        def texts(key: str) -> frozenset[str]:
            return frozenset(text.strip().lower() for text in node.at(key).lines)

        return cls(
            node.path,
            texts("apiGroups"),
            texts("resources"),
            texts("verbs"),
            texts("nonResourceURLs"),
            texts("resourceNames"),
            # `secrets` with a verb is telling enough: an API group that is not known yet must not hide it.
            any_group=not node.at("apiGroups").whole,
        )

    def verbs_on(self, resource: str, *groups: str) -> frozenset[str]:
        """The verbs that it grants on `resource` (with its subresource, if it has one) of any of `groups`."""
        if not (self.any_group or self.groups & {*groups, "*"}):
            return frozenset()
        name, slash, sub = resource.partition("/")
        named = {resource, "*"} | {one for one in (f"*/{sub}", f"{name}/*") if slash}
        return self.verbs if self.resources & named else frozenset()

    def grants(self, resource: str, groups: Iterable[str], verbs: Iterable[str]) -> bool:
        """Whether it grants any of `verbs`, by a wildcard or by name."""
        return bool(self.verbs_on(resource, *groups) & {*verbs, "*"})

    def names_on(self, resource: str, groups: Iterable[str], verbs: Iterable[str]) -> bool:
        """The same without the plain wildcards, which have checks of their own."""
        spelled = self.resources - {"*"}
        return replace(self, resources=spelled).grants(resource, groups, verbs)


def rules(role: Node) -> Iterator[Rule]:
    """The rules of a Role or ClusterRole."""
    for node in role.at("rules").each():
        yield Rule.of(node)
