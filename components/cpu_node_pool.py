"""CpuNodePool: nodes without GPUs, and that pods which need none go there first."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import gpu_pool_objects
from components.cluster import Cluster
from components.gpu_pools import POOL_LABEL
from components.labels import labels
from components.settings.cpu import CpuPoolSettings
from components.settings.stack import Settings
from components.workload import wire


class CpuNodePool(pulumi.ComponentResource):
    """One pool: nodes that are there get its label, or Karpenter makes them. They have no taint: all may run there."""

    def __init__(
        self, name: str, cluster: Cluster, settings: CpuPoolSettings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("echorator:index:CpuNodePool", name, {}, opts)
        inside = pulumi.ResourceOptions(parent=self, provider=cluster.provider)
        for node in () if settings.existing is None else settings.existing.names:
            k8s.core.v1.NodePatch(
                f"{name}-{node}",
                metadata=wire({"name": node, "labels": _labels(settings), "annotations": gpu_pool_objects.FORCE}),
                opts=inside,
            )
        if settings.karpenter is not None:
            k8s.apiextensions.CustomResource(
                f"{name}-nodes",
                api_version="karpenter.sh/v1",
                kind="NodePool",
                metadata={
                    "name": f"{cluster.prefix}-{settings.name}",
                    "labels": labels(name="cpu-pool", instance=settings.name, component="cpu"),
                },
                spec=node_pool(settings),
                opts=inside,
            )
        self.register_outputs({"name": settings.name})


def node_pool(settings: CpuPoolSettings) -> dict[str, Any]:
    """Spec of its Karpenter NodePool (karpenter.sh/v1).

    Raises:
        ValueError: it has none; its settings were never checked.
    """
    if settings.karpenter is None or settings.max_cpus is None:
        raise ValueError(f"pool `{settings.name}` is not made by Karpenter")
    return gpu_pool_objects.karpenter_pool(
        settings.karpenter, labels=_labels(settings), taints=(), limits={"cpu": str(settings.max_cpus)}
    )


def selector_of(settings: CpuPoolSettings) -> dict[str, str]:
    """Labels by which pods find the pool's nodes."""
    if settings.existing is not None and settings.existing.selector:
        return dict(settings.existing.selector)
    return {POOL_LABEL: settings.name}


def register(
    settings: Settings, name: str, cluster: Cluster, *, prefix: str = "", parent: pulumi.Resource | None = None
) -> Sequence[CpuNodePool]:
    """All of one cluster.

    Args:
        settings: of the whole stack.
        name: of the cluster, in the settings.
        cluster: the cluster.
        prefix: begins the Pulumi names.
        parent: of the pools.
    """
    return [
        CpuNodePool(f"{prefix}{one.name}", cluster, one, pulumi.ResourceOptions(parent=parent, depends_on=[cluster]))
        for one in settings.cpu_pools
        if settings.cluster_of(one).name == name
    ]


def _labels(settings: CpuPoolSettings) -> dict[str, str]:
    return {**settings.labels, **selector_of(settings)}
