"""Resources that hold data: what is replaced or deleted of them is gone, or begins empty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from ci.preview_comment.preview import Action, Resource

_KINDS = {
    "PersistentVolumeClaim": "the disk and what is on it",
    "PersistentVolume": "the disk and what is on it",
    "Namespace": "everything in the namespace goes with it, volumes included",
    "CustomResourceDefinition": "every object of this kind goes with it",
    "ModelStore": "the store's blobs; every model is downloaded again",
    "EchoMemoryStore": "the memories",
}
_DATABASE = re.compile(
    r"^(kubernetes:postgresql\.cnpg\.io/.*:(Cluster|Database)|kubernetes:.*:(Postgres\w*|Redis\w*|MySQL\w*|MongoDB\w*)"
    r"|(aws|gcp|azure-native|azure|digitalocean|hcloud):.*([dD]atabase|[dD]b|[rR]ds|[sS]ql|[bB]ucket|[vV]olume|[dD]isk).*)$"
)
_PATCH = re.compile(r"(Patch|List)$")


@dataclass(frozen=True)
class Loss:
    """A resource that holds data and would go."""

    resource: Resource
    what: str


def losses(resources: Iterable[Resource]) -> list[Loss]:
    """What holds data and would be replaced, deleted or forgotten; deletions first."""
    found = [
        Loss(one, held)
        for one in resources
        if one.action in (Action.REPLACE, Action.DELETE) and (held := holds(one)) is not None
    ]
    return sorted(found, key=lambda one: (one.resource.action is not Action.DELETE, one.resource.urn))


def holds(resource: Resource) -> str | None:
    """What would be lost with the resource, in words, or None where it holds no data."""
    if _PATCH.search(resource.kind):
        return None
    if resource.kind == "StatefulSet":
        return _volumes(resource.before)
    if resource.kind in _KINDS:
        return _KINDS[resource.kind]
    if _DATABASE.match(resource.type):
        return "a database or a disk"
    return None


def _volumes(properties: Mapping[str, Any]) -> str | None:
    """What becomes of a StatefulSet's volumes when it is deleted; None where it has none."""
    spec = _mapping(properties.get("spec"))
    if not spec.get("volumeClaimTemplates"):
        return None
    policy = _mapping(spec.get("persistentVolumeClaimRetentionPolicy")).get("whenDeleted", "Retain")
    if policy == "Delete":
        return "**its volumes are deleted with it** (whenDeleted: Delete)"
    return "its volumes stay (whenDeleted: Retain), and are used again under the same name alone"


def _mapping(value: object) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}
