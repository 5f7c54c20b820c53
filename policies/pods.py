"""Pod templates, wherever an object keeps one, and the containers in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from policies.nodes import Node

Role = Literal["init", "main", "ephemeral"]

_TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "JobTemplate"): ("template", "spec", "template"),
    ("postgresql.cnpg.io", "Pooler"): ("spec", "template"),
}
"""Where the pod template is: a map with `metadata` and `spec`."""

_OPERATED = {
    ("monitoring.coreos.com", "Prometheus"),
    ("monitoring.coreos.com", "PrometheusAgent"),
    ("monitoring.coreos.com", "Alertmanager"),
    ("monitoring.coreos.com", "ThanosRuler"),
    ("postgresql.cnpg.io", "Cluster"),
}
"""Kinds whose `spec` holds the fields of a pod's spec among its own; an operator completes the containers."""

_NO_PODS = frozenset(
    {
        "", "rbac.authorization.k8s.io", "networking.k8s.io", "policy", "storage.k8s.io", "apiextensions.k8s.io",
        "scheduling.k8s.io", "admissionregistration.k8s.io", "discovery.k8s.io", "events.k8s.io", "autoscaling",
        "coordination.k8s.io", "certificates.k8s.io", "apiregistration.k8s.io", "node.k8s.io",
        "gateway.networking.k8s.io",
    }
)  # fmt: skip
"""Groups whose other kinds are known to hold none."""

_LISTS: tuple[tuple[Role, str], ...] = (
    ("init", "initContainers"),
    ("main", "containers"),
    ("ephemeral", "ephemeralContainers"),
)
_DEPTH = 12


@dataclass(frozen=True, slots=True)
class Container:
    """One container of a pod.

    Attributes:
        pod: that it is in.
        node: the container itself.
        role: in which of the pod's lists.
        sidecar: an init container that goes on running.
    """

    pod: Pod
    node: Node
    role: Role

    @property
    def sidecar(self) -> bool:
        """An init container that goes on running beside the others."""
        return self.role == "init" and self.node.at("restartPolicy").text == "Always"

    @property
    def runs_on(self) -> bool:
        """It runs as long as the pod does, so that probes mean something."""
        return self.role == "main" or self.sidecar

    def security(self, *keys: str) -> Node:
        """A field of its `securityContext`."""
        return self.node.at("securityContext", *keys)


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod template.

    Attributes:
        spec: the pod's spec.
        metadata: with labels and annotations.
        operated: an operator makes the pod out of this, and completes it.
        runs_once: the pod ends by itself.
    """

    spec: Node
    metadata: Node
    operated: bool = False
    runs_once: bool = False

    def containers(self) -> Iterator[Container]:
        """Of all three lists; what an operator completes counts as a patch."""
        for role, name in _LISTS:
            for node in self.spec.at(name).each():
                if isinstance(node.value, dict):
                    yield Container(self, Node(node.value, node.path, node.partial or self.operated), role)

    def security(self, *keys: str) -> Node:
        """A field of the pod's `securityContext`."""
        return self.spec.at("securityContext", *keys)

    @property
    def windows(self) -> bool:
        """`os.name: windows` frees a pod from controls that Linux alone has."""
        return self.spec.at("os", "name").text == "windows"

    @property
    def maybe_windows(self) -> bool:
        """Whether the operating system cannot be told yet, in an object that is no patch."""
        return self.windows or (self.spec.at("os", "name").unknown and not self.spec.partial)

    @property
    def own_users(self) -> bool:
        """`hostUsers: false`: root in the pod is nobody on the node."""
        return self.spec.at("hostUsers").is_(False)


def pods_of(group: str, kind: str, body: Node) -> Iterator[Pod]:
    """Every pod template of an object, those of kinds that nobody has heard of included."""
    path = _TEMPLATES.get((group, kind))
    if path is not None:
        template = body.at(*path)
        once = group == "batch" or template.at("spec", "restartPolicy").text in ("Never", "OnFailure")
        yield Pod(template.at("spec"), template.at("metadata"), operated=kind == "Pooler", runs_once=once)
    elif (group, kind) in _OPERATED:
        spec = body.at("spec")
        if group == "postgresql.cnpg.io":
            # CloudNativePG fills in the whole restricted set by itself; only what is said can be wrong.
            spec = Node(spec.value, spec.path, partial=True)
        yield Pod(spec, spec.at("podMetadata"), operated=True)
    elif group not in _NO_PODS:
        yield from _search(body, 0)


def _search(node: Node, depth: int) -> Iterator[Pod]:
    if depth > _DEPTH:
        return
    for key, below in node.fields():
        if key == "spec" and any(isinstance(one.value, dict) for one in below.at("containers").each()):
            yield Pod(below, node.at("metadata"))
        else:
            yield from _search(below, depth + 1)
    for below in node.each():
        yield from _search(below, depth + 1)
