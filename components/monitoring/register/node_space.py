"""A namespace for what looks at the nodes themselves: Pod Security lets it at their folders; nothing else is in it."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import cluster_baseline as baseline
from components.monitoring.register.parts import MonitoringStackArgs, Parts
from components.sizes import Size
from components.workload import wire

MOST_NODES = 100
"""Pods of a DaemonSet: one on every node, and nobody knows how many those will be."""


def node_space(
    name: str,
    args: MonitoringStackArgs,
    outer: pulumi.ResourceOptions,
    *,
    called: str,
    policies: dict[str, Any],
    size: Size,
) -> Parts:
    """Register it with its bounds; returns what makes objects in it.

    Args:
        name: begins the resources' names.
        args: of the monitoring stack.
        outer: options of what is in no namespace.
        called: the namespace's name.
        policies: name to the spec of each network policy, besides those that close it.
        size: of one pod.
    """
    prefix = args.cluster.prefix
    metadata = baseline.namespace_metadata(prefix, called)
    # Pod Security lets no pod at a folder of the node but under `privileged`; it is told of all the same.
    metadata["labels"] = {**metadata["labels"], "pod-security.kubernetes.io/enforce": "privileged"}
    space = k8s.core.v1.Namespace(f"{name}-namespace", metadata=wire(metadata), opts=outer)
    parts = Parts(name, args, called, outer)
    parts.inside = inside = pulumi.ResourceOptions.merge(outer, pulumi.ResourceOptions(depends_on=[space]))
    part = called.removeprefix(f"{prefix}-")
    k8s.core.v1.ResourceQuota(
        f"{name}-quota",
        metadata=parts.metadata(part, "quota"),
        spec=wire(baseline.quota([size.demand(MOST_NODES)])),
        opts=inside,
    )
    k8s.core.v1.LimitRange(
        f"{name}-limits", metadata=parts.metadata(part, "limits"), spec=wire(baseline.limit_range()), opts=inside
    )
    closed = {"default-deny": baseline.default_deny(), "allow-dns": baseline.allow_dns()}
    for key, spec in {**closed, **policies}.items():
        k8s.networking.v1.NetworkPolicy(
            f"{name}-network-{key}", metadata=parts.metadata(key, "network"), spec=wire(spec), opts=inside
        )
    return parts
