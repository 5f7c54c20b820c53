"""What a resource holds: Kubernetes objects of any kind and version, lists of them, patches, and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from policies.nodes import Node
from policies.pods import Pod, pods_of

_CANONICAL = {
    ("extensions", "Deployment"): "apps",
    ("extensions", "DaemonSet"): "apps",
    ("extensions", "ReplicaSet"): "apps",
    ("extensions", "Ingress"): "networking.k8s.io",
    ("extensions", "NetworkPolicy"): "networking.k8s.io",
    ("extensions", "PodSecurityPolicy"): "policy",
    ("authorization.openshift.io", "Role"): "rbac.authorization.k8s.io",
    ("authorization.openshift.io", "ClusterRole"): "rbac.authorization.k8s.io",
    ("authorization.openshift.io", "RoleBinding"): "rbac.authorization.k8s.io",
    ("authorization.openshift.io", "ClusterRoleBinding"): "rbac.authorization.k8s.io",
}
"""Old homes of kinds, to where they are now."""

_NOT_OBJECTS = ("helm.sh", "yaml", "kustomize")
_DEPTH = 4
"""Lists in lists; the API server takes none, a program can write one."""


@dataclass(frozen=True)
class Resource:
    """One resource of the stack, as the engine shows it.

    Attributes:
        type: such as `kubernetes:apps/v1:Deployment`.
        name: the resource's name in the program.
        urn: the whole identity; empty in a harness that has none.
        inputs: plain data of `wire.plain`.
    """

    type: str
    name: str
    inputs: Any
    urn: str = ""

    @cached_property
    def items(self) -> list[Item]:
        """What is in it; one item for everything that is no Kubernetes object."""
        root = Node(self.inputs)
        if not self.type.startswith("kubernetes:"):
            return [Item(self, "", self.type.rsplit(":", 1)[-1], root, foreign=True)]
        group, kind = _token(self.type)
        if group in _NOT_OBJECTS:
            return [Item(self, group, kind, root, foreign=True)]
        if kind.endswith("Patch"):
            root = Node(self.inputs, partial=True)
            kind = kind.removesuffix("Patch")
        return list(_expand(self, group, kind, root, 0))


@dataclass(frozen=True)
class Item:
    """One object.

    Attributes:
        resource: that it came with.
        group: API group, the core one is empty; renamed groups by their name of today.
        kind: as Kubernetes spells it; for other resources the last part of the type.
        body: the object.
        foreign: no Kubernetes object.
    """

    resource: Resource
    group: str
    kind: str
    body: Node
    foreign: bool = field(default=False)

    @property
    def key(self) -> tuple[str, str]:
        """Group and kind."""
        return ("?" if self.foreign else self.group, self.kind)

    @property
    def name(self) -> str | None:
        """`metadata.name`, if it is known."""
        return self.body.at("metadata", "name").text

    @property
    def namespace(self) -> str:
        """`metadata.namespace`, or `default`."""
        return self.body.at("metadata", "namespace").text or "default"

    @cached_property
    def pods(self) -> list[Pod]:
        """The pod templates in it."""
        return [] if self.foreign else list(pods_of(self.group, self.kind, self.body))


def group_of(api_version: str) -> str:
    """The group of an `apiVersion`; empty for the core one, which Pulumi's types spell `core/v1`."""
    group, slash, _ = api_version.partition("/")
    return group if slash and group != "core" else ""


def _token(kind_of_resource: str) -> tuple[str, str]:
    parts = kind_of_resource.split(":")
    # A token of two parts has no version: `kubernetes:yaml:ConfigFile` and the like have one of a kind of their own.
    module = parts[1] if len(parts) > 1 else ""
    group = module.partition("/")[0] if module in _NOT_OBJECTS or "/" not in module else group_of(module)
    return ("" if group in ("v1", "core") else group), parts[-1]


def _expand(resource: Resource, group: str, kind: str, node: Node, depth: int) -> Iterator[Item]:
    written = node.at("kind").text
    version = node.at("apiVersion").text
    if written:
        kind = written.removesuffix("Patch") if node.partial else written
        group = group_of(version) if version else group
    inner = node.at("items")
    if kind.endswith("List") and isinstance(inner.value, list) and depth < _DEPTH:
        for item in inner.each():
            yield from _expand(resource, group, kind.removesuffix("List"), item, depth + 1)
        return
    yield Item(resource, _CANONICAL.get((group, kind), group), kind, node)
