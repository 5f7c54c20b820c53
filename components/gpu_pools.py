"""GPU pools as servers see them: what one unit is, how many there are, and how a pod comes to one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from components.quantity import parse_bytes
from components.settings.gpu import GpuPoolSettings, TaintSettings
from fit.accelerators import ACCELERATORS, RESOURCES

POOL_LABEL = "echorator.dev/pool"
"""On each node of a pool that this program labels, or that Karpenter makes."""

CLUSTER_API_LABEL = "node.cluster.x-k8s.io/echorator-pool"
"""The same where Cluster API makes the nodes: it copies labels of this domain, and of few others, to them."""

ACCELERATOR_LABEL = "echorator.dev/accelerator"

PRESENT = "present"
"""Value of the taint on GPU nodes, as clouds and the device plugins' own manifests have it."""

CLAIM = "gpu"
"""Name of a pod's claim on a GPU, where a DRA driver gives them out."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """One pool, with every default filled in.

    Attributes:
        name: of the settings.
        accelerator: the card's name.
        resource: the extended resource that one unit is.
        memory: bytes of one unit.
        units_per_node: units on each node.
        units: on all nodes, at most.
        selector: node labels that its nodes have.
        taints: of its nodes.
        runtime_class: of the pods, if any.
        device_class: name of its DeviceClass, where pods claim their GPUs.
    """

    name: str
    accelerator: str
    resource: str
    memory: int
    units_per_node: int
    units: int
    selector: Mapping[str, str]
    taints: tuple[TaintSettings, ...] = ()
    runtime_class: str | None = None
    device_class: str | None = None

    def placement(self) -> "Placement":
        """How a pod comes to a unit of this pool."""
        return Placement(
            resource=self.resource,
            node_selector=dict(self.selector),
            tolerations=tuple(_toleration(taint) for taint in self.taints),
            runtime_class=self.runtime_class,
            device_class=self.device_class,
        )


@dataclass(frozen=True, kw_only=True)
class Placement:
    """What a pool or a class puts into a pod."""

    resource: str = RESOURCES["nvidia"]
    node_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    tolerations: tuple[dict[str, Any], ...] = ()
    affinity: Mapping[str, Any] = field(default_factory=dict[str, Any])
    runtime_class: str | None = None
    device_class: str | None = None
    """Where pods claim their GPUs; a pod then asks for no `resource`."""

    def without_gpus(self) -> "Placement":
        """For a pod that needs none: the class's preferences alone."""
        return Placement(affinity=self.affinity)

    def preferring(self, affinity: Mapping[str, Any]) -> "Placement":
        """The same with a class's preferences."""
        return replace(self, affinity=affinity)


def pool_of(settings: GpuPoolSettings, prefix: str) -> Pool:
    """A pool out of its settings.

    Args:
        settings: checked ones.
        prefix: the stack's, which begins names that are global in the cluster.

    Raises:
        ValueError: they were never checked.
    """
    card = ACCELERATORS.get(settings.accelerator)
    if card is None:
        raise ValueError(f"`{settings.accelerator}` is no known accelerator")
    profile = profile_of(settings)
    memory = int(parse_bytes(settings.memory)) if settings.memory is not None else card.memory
    resource, shares = card.resource, settings.time_slicing
    if profile is not None:
        if profile not in card.mig or profile not in settings.mig:
            raise ValueError(f"`{profile}` is no MIG profile of `{card.name}`")
        resource = f"nvidia.com/mig-{profile}"
        memory = card.mig_memory(profile)
        shares *= settings.mig[profile]
    # Pods that take turns share the memory, and nothing keeps one from taking all of it.
    memory //= settings.time_slicing
    per_node = settings.gpus_per_node * shares
    return Pool(
        name=settings.name,
        accelerator=card.name,
        resource=resource,
        memory=memory,
        units_per_node=per_node,
        units=per_node * nodes_of(settings),
        selector=selector_of(settings),
        taints=taints_of(settings),
        runtime_class=runtime_class_of(settings, prefix),
        device_class=global_name(settings, prefix) if settings.devices == "dra" else None,
    )


def profile_of(settings: GpuPoolSettings) -> str | None:
    """The MIG profile that servers get; None where the card is whole."""
    if settings.mig_profile is not None:
        return settings.mig_profile
    return next(iter(settings.mig), None)


def nodes_of(settings: GpuPoolSettings) -> int:
    """How many nodes there are at most."""
    if settings.existing is not None and settings.existing.names:
        return len(settings.existing.names)
    return settings.max_nodes


def selector_of(settings: GpuPoolSettings) -> dict[str, str]:
    """Labels by which pods find the pool's nodes."""
    if settings.existing is not None and settings.existing.selector:
        return dict(settings.existing.selector)
    if settings.cluster_api is not None:
        return {CLUSTER_API_LABEL: settings.name}
    return {POOL_LABEL: settings.name}


def labels_of(settings: GpuPoolSettings) -> dict[str, str]:
    """All labels that the pool's nodes get."""
    return {**settings.labels, **selector_of(settings), ACCELERATOR_LABEL: settings.accelerator}


def taints_of(settings: GpuPoolSettings) -> tuple[TaintSettings, ...]:
    """The nodes' taints: the usual one of GPU nodes, where nothing else is said."""
    if settings.taints is not None:
        return settings.taints
    card = ACCELERATORS.get(settings.accelerator)
    vendor = "nvidia" if card is None else card.vendor
    return (TaintSettings(key=RESOURCES[vendor], value=PRESENT),)


def runtime_class_of(settings: GpuPoolSettings, prefix: str) -> str | None:
    """Name of the pods' RuntimeClass: one that is there, or one that is made here with the pool's name."""
    if settings.runtime_class is not None:
        return settings.runtime_class
    return None if settings.runtime_handler is None else global_name(settings, prefix)


def global_name(settings: GpuPoolSettings, prefix: str) -> str:
    """Of what belongs to the pool and is global in the cluster."""
    return f"{prefix}-{settings.name}"


def choose(pools: Sequence[Pool], name: str | None, gpus: int) -> list[Pool]:
    """The pools that may serve a server, in the order in which they are tried: by memory of a unit.

    Args:
        pools: all there are.
        name: of the pool that the settings name, if they name one.
        gpus: that one replica needs, all on one node.
    """
    named = [pool for pool in pools if name is None or pool.name == name]
    return sorted((pool for pool in named if pool.units_per_node >= gpus), key=lambda pool: (pool.memory, pool.name))


def _toleration(taint: TaintSettings) -> dict[str, Any]:
    found: dict[str, Any] = {"key": taint.key, "effect": taint.effect}
    # Clouds give the taint of GPU nodes other values, and what is meant is the key.
    return {**found, "operator": "Exists"} if taint.value in (None, PRESENT) else {**found, "value": taint.value}


def claim_template_name(server: str) -> str:
    """Of the ResourceClaimTemplate of a server whose pods claim their GPUs."""
    return f"{server}-gpu"
