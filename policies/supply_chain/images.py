"""Where images come from, and whether they are the same tomorrow."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from policies.check import Facts, Family, Finding, Parameter, Severity, at
from policies.items import Item
from policies.nodes import Node

FAMILY = Family("supply_chain", "https://kubernetes.io/docs/concepts/containers/images/")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_OPERATED = {
    "postgresql.cnpg.io": (("spec", "imageName"),),
    "monitoring.coreos.com": (("spec", "image"),),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """The parts of an image's reference; the registry is Docker's where none is written."""

    registry: str
    path: str
    tag: str | None
    digest: str | None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Take any text apart; what is no reference becomes a path."""
        rest, _, digest = text.partition("@")
        first, slash, more = rest.partition("/")
        if slash and ("." in first or ":" in first or first == "localhost"):
            registry, path = first, more
        else:
            registry, path = "docker.io", rest if slash else f"library/{rest}"
        head, colon, tag = path.rpartition(":")
        if colon and "/" not in tag:
            path = head
        else:
            tag = ""
        return cls(registry.lower(), path, tag or None, digest or None)

    @property
    def whole(self) -> str:
        """Registry and path."""
        return f"{self.registry}/{self.path}"


def images(item: Item) -> Iterator[tuple[Node, Node]]:
    """Each image's node, and the node that says when it is pulled."""
    for pod in item.pods:
        for container in pod.containers():
            yield container.node.at("image"), container.node.at("imagePullPolicy")
        for volume in pod.spec.at("volumes").each():
            if volume.at("image").present:
                yield volume.at("image", "reference"), volume.at("image", "pullPolicy")
    for path in _OPERATED.get(item.group, ()):
        if item.body.at(*path).present:
            yield item.body.at(*path), item.body.at("spec", "imagePullPolicy")


def _has_images(item: Item) -> bool:
    return bool(item.pods)


def _known(item: Item) -> Iterator[tuple[Node, Reference, Node]]:
    for node, policy in images(item):
        if node.text:
            yield node, Reference.parse(node.text), policy


@FAMILY.check(
    "digest",
    Severity.HIGH,
    "An image is pinned by its digest",
    on=_has_images,
    link="https://kubernetes.io/docs/concepts/containers/images/#image-names",
    why="Whoever can push to the registry moves the tag, and the next pod runs something else.",
    fix="Write `image:tag@sha256:...` (here: the setting `imageDigests`).",
    prod_only=True,
)
def digest(item: Item, _: Facts) -> Iterator[Finding]:
    for node, reference, _policy in _known(item):
        if reference.digest is None:
            yield at(node, f"{node} has no digest")


@FAMILY.check(
    "digest-form",
    Severity.HIGH,
    "A digest is a whole one",
    on=_has_images,
    link="https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests",
    why="A digest that is cut or mistyped pulls nothing, and a pod that moves to another node stays down.",
    fix="Write sha256 and 64 lower-case hexadecimal digits.",
)
def digest_form(item: Item, _: Facts) -> Iterator[Finding]:
    for node, reference, _policy in _known(item):
        if reference.digest is not None and not _DIGEST.fullmatch(reference.digest):
            yield at(node, f"{node} has no whole digest")


@FAMILY.check(
    "latest",
    Severity.HIGH,
    "An image has a tag that does not move",
    on=_has_images,
    link="https://kubernetes.io/docs/concepts/configuration/overview/#container-images",
    why="Nobody can say which version runs, or roll back to it.",
    fix="Write the version, with a digest.",
    parameters={"moving": Parameter(["latest", "main", "master", "edge", "nightly", "dev"], "Tags that move.")},
)
def latest(item: Item, facts: Facts) -> Iterator[Finding]:
    for node, reference, _policy in _known(item):
        if reference.tag in facts.texts("moving"):
            yield at(node, f"{node} has a tag that moves")
        elif reference.tag is None and reference.digest is None:
            yield at(node, f"{node} has no tag, which means latest")


@FAMILY.check(
    "registry",
    Severity.HIGH,
    "An image is from a registry that is allowed",
    on=_has_images,
    why="An image runs with everything that its pod may do; a name with a typo is somebody else's.",
    fix="Use an allowed one, or add its beginning to `allowed`.",
    parameters={
        "allowed": Parameter(
            [
                "docker.io/ollama/",
                "docker.io/library/redis",
                "docker.io/rclone/",
                "ghcr.io/echorator/",
                "registry.k8s.io/",
                "ghcr.io/cloudnative-pg/",
                "nvcr.io/nvidia/k8s-device-plugin",
                "docker.io/rocm/k8s-device-plugin",
                "docker.io/intel/intel-gpu-plugin",
                "quay.io/prometheus/",
                "quay.io/prometheus-operator/",
                "docker.io/otel/opentelemetry-collector-k8s",
                "docker.io/jaegertracing/jaeger",
                "docker.io/grafana/grafana",
                "nvcr.io/nvidia/k8s/dcgm-exporter",
            ],
            "Beginnings of registry and path, with the slash at the end.",
        )
    },
)
def registry(item: Item, facts: Facts) -> Iterator[Finding]:
    for node, reference, _policy in _known(item):
        if not reference.whole.startswith(tuple(one.lower() for one in facts.texts("allowed"))):
            yield at(node, f"{node if node.secret else reference.whole} is not allowed")


@FAMILY.check(
    "pull-policy",
    Severity.MEDIUM,
    "An image is pulled when it has to be",
    on=_has_images,
    link="https://kubernetes.io/docs/concepts/containers/images/#image-pull-policy",
    why="`Never` runs what somebody left on the node; a moving tag with `IfNotPresent` differs from node to node.",
    fix="`IfNotPresent` with a digest or a version, `Always` with a tag that moves.",
)
def pull_policy(item: Item, _: Facts) -> Iterator[Finding]:
    for node, reference, policy in _known(item):
        if policy.text == "Never":
            yield at(policy, "is Never")
        if reference.tag == "latest" and reference.digest is None and policy.text == "IfNotPresent":
            yield at(policy, "is IfNotPresent, for a tag that moves")
        if policy.missing and reference.tag is not None and not node.partial:
            yield at(policy, "is not set")


def _is_release(item: Item) -> bool:
    return item.foreign and item.resource.type.startswith("kubernetes:helm.sh/") and item.kind == "Release"


@FAMILY.check(
    "helm-release",
    Severity.MEDIUM,
    "A chart's objects are shown to policies",
    on=_is_release,
    link="https://www.pulumi.com/registry/packages/kubernetes/api-docs/helm/v4/chart/",
    why="helm.sh/v3:Release hands the chart to Helm; no check of this pack sees what it deploys.",
    fix="Use helm.sh/v4:Chart, or allow the chart by name in `allow` after reading what it renders.",
    parameters={"allow": Parameter([], "Charts that may be Releases.")},
)
def helm_release(item: Item, facts: Facts) -> Iterator[Finding]:
    chart = item.body.at("chart")
    if not chart.unknown and chart.text not in facts.texts("allow"):
        yield Finding("chart", f"{chart if chart.present else 'the chart'} is deployed unseen")
