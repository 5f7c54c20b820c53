"""Checks of clusters that Cluster API makes."""

import re
from collections.abc import Iterator

from components.cluster_api_infrastructure import CHOICES, INFRASTRUCTURES
from components.settings.checks.clusters import each
from components.settings.faults import Fault, listed
from components.settings.grammar import (
    key_faults,
    label_value_faults,
    name_faults,
    number_faults,
    object_faults,
    range_faults,
)
from components.settings.raw import Check, Raw, mapping, maps, pairs, twice

MOST_WORKERS = 1000
"""Machines of one group; more is taken for a slip of the keyboard."""

DISK_GIB = (20, 16_384)
"""From what a node's images need to the largest disk that a cloud has."""

_VERSION = re.compile(r"v1\.\d{1,3}\.\d{1,3}")


def _mode(raw: Raw) -> Iterator[Fault]:
    for path, cluster in each(raw):
        made = cluster.get("mode") == "clusterApi"
        if made and cluster.get("clusterApi") is None:
            yield Fault(
                f"{path}.clusterApi", "is required with `mode: clusterApi`: management, infrastructure, version"
            )
        if not made and cluster.get("clusterApi") is not None:
            yield Fault(f"{path}.clusterApi", "has no effect unless `mode` is `clusterApi`. Set that, or leave it out")


def _sections(raw: Raw) -> Iterator[tuple[str, Raw]]:
    for path, cluster in each(raw):
        if cluster.get("clusterApi") is not None:
            yield f"{path}.clusterApi", mapping(cluster["clusterApi"])


def _cluster(raw: Raw) -> Iterator[Fault]:
    for path, section in _sections(raw):
        if section.get("management") == "":
            yield Fault(f"{path}.management", "is empty: must be a context of the kubeconfig")
        version = section.get("version")
        if isinstance(version, str) and not _VERSION.fullmatch(version):
            yield Fault(f"{path}.version", f"`{version}` is no version of Kubernetes: must be such as v1.34.4")
        for key in ("pods", "services"):
            yield from range_faults(f"{path}.{key}", section.get(key))
        yield from object_faults(f"{path}.identity", section.get("identity"), "AzureClusterIdentity")
        infrastructure = section.get("infrastructure")
        if not isinstance(infrastructure, str) or infrastructure not in INFRASTRUCTURES:
            continue
        known = INFRASTRUCTURES[infrastructure]
        for key in CHOICES:
            given = section.get(key) is not None
            if key in known.needed and not section.get(key):
                yield Fault(f"{path}.{key}", f"is required with `infrastructure: {infrastructure}`")
            if given and key not in (*known.needed, *known.optional):
                legal = listed((*known.needed, *known.optional)) or "none of these"
                yield Fault(
                    f"{path}.{key}", f"has no effect with `{infrastructure}`, which takes {legal}. Leave it out"
                )


def _machines(raw: Raw) -> Iterator[Fault]:
    for path, section in _sections(raw):
        control = mapping(section.get("controlPlane"))
        replicas = control.get("replicas")
        if isinstance(replicas, int) and not isinstance(replicas, bool) and replicas not in (1, 3, 5, 7):
            yield Fault(
                f"{path}.controlPlane.replicas",
                f"must be 1, 3, 5 or 7, not {replicas}: an even number makes its database no safer",
            )
        workers = list(maps(section.get("workers"), f"{path}.workers"))
        for place, worker in workers:
            yield from name_faults(f"{place}.name", worker.get("name"))
            yield from number_faults(f"{place}.replicas", worker.get("replicas"), 0, MOST_WORKERS)
            yield from _node(place, worker)
        yield from twice(
            [(f"{place}.name", name) for place, one in workers if isinstance(name := one.get("name"), str)],
            lambda name, first: f"`{name}` is also the name at {first}. Names of workers must differ",
        )
        for place, machine in ((f"{path}.controlPlane", control), *workers):
            yield from number_faults(f"{place}.disk", machine.get("disk"), *DISK_GIB)
            yield from _kind(place, machine, section.get("infrastructure"))


def _kind(path: str, machine: Raw, infrastructure: object) -> Iterator[Fault]:
    if not isinstance(infrastructure, str) or infrastructure not in INFRASTRUCTURES:
        return
    wanted = INFRASTRUCTURES[infrastructure].machines
    if wanted and not machine.get("machine"):
        yield Fault(
            f"{path}.machine", f"is required with `infrastructure: {infrastructure}`: the cloud's name of a kind"
        )
    if not wanted and machine.get("machine") is not None:
        yield Fault(f"{path}.machine", f"has no effect with `{infrastructure}`. Leave it out")


def _node(path: str, worker: Raw) -> Iterator[Fault]:
    for place, key, value in pairs(worker.get("labels"), f"{path}.labels"):
        yield from key_faults(place, key)
        yield from label_value_faults(place, value)
    for place, taint in maps(worker.get("taints"), f"{path}.taints"):
        yield from key_faults(f"{place}.key", taint.get("key"))
        yield from label_value_faults(f"{place}.value", taint.get("value"))


CHECKS: tuple[Check, ...] = (_mode, _cluster, _machines)
