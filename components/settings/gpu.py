"""Pools of GPU nodes: which card, how its nodes come to be, how the cards are shared."""

from typing import Annotated, Any, Literal

from pydantic import Field

from components.settings.base import Section, Texts


class TaintSettings(Section):
    """A taint of the pool's nodes; its servers tolerate it."""

    key: str
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class ExistingSettings(Section):
    """Nodes that are there: by name, which are then labelled and tainted, or by labels that they have."""

    names: Texts = ()
    selector: dict[str, str] = Field(default_factory=dict[str, str])


class ReferenceSettings(Section):
    """An object of a cloud's provider, by API group, kind and name."""

    group: str
    kind: str
    name: str


class KarpenterSettings(Section):
    """Nodes that Karpenter makes when pods wait, and takes away when nothing uses them."""

    node_class: ReferenceSettings
    """Such as group `karpenter.k8s.aws`, kind `EC2NodeClass`."""
    requirements: dict[str, Texts] = Field(default_factory=dict[str, Texts])
    """Node label to the values that will do: instance types, zones, capacity types."""
    expire_after: str = "720h"
    consolidate_after: str = "5m"
    """How long a node is unused before it goes: a model takes minutes to come back."""
    weight: int | None = None
    """From 1 to 100: pools with more are tried first."""


class ClusterApiSettings(Section):
    """A MachinePool on a management cluster."""

    cluster: str
    """Name of the Cluster there."""
    namespace: str
    bootstrap: ReferenceSettings
    infrastructure: ReferenceSettings
    version: str | None = None
    """Kubernetes version of the nodes, such as v1.34.4."""
    context: str | None = None
    """Of the management cluster; the stack's own where none is named."""


class GpuPoolSettings(Section):
    """Nodes with one kind of GPU. One of `existing`, `karpenter` and `clusterApi` says how they come to be."""

    name: str
    cluster: str | None = None
    """Name in `clusters`; the primary one where none is named."""
    accelerator: str
    """A name in `fit.accelerators`, such as `nvidia-l4`."""
    gpus_per_node: int = 1
    min_nodes: int = 0
    """Of Cluster API's; Karpenter goes down to none."""
    max_nodes: int = 1
    """For `existing.names` their number."""
    memory: str | None = None
    """Of one GPU, as its driver shows it, where it is not what the table says."""
    existing: ExistingSettings | None = None
    karpenter: KarpenterSettings | None = None
    cluster_api: ClusterApiSettings | None = None
    taints: Annotated[tuple[TaintSettings, ...], Field(strict=False)] | None = None
    """`<vendor's resource>=present:NoSchedule` where nothing is given; an empty list is none."""
    mig: dict[str, int] = Field(default_factory=dict[str, int])
    """Profile to how many of it each GPU is parted into; servers then get one of these."""
    mig_profile: str | None = None
    """The profile that servers get, where `mig` has several."""
    time_slicing: int = 1
    """Pods that take turns on one GPU; nothing keeps their memory apart."""
    devices: Literal["present", "devicePlugin", "dra"] = "present"
    """Who offers the GPUs to pods: what is there already (a cloud's, an operator's), a device plugin that this
    program installs, or a DRA driver that is there, by claims."""
    runtime_class: str | None = None
    """Of the pods; with `runtimeHandler` it is made."""
    runtime_handler: str | None = None
    """Of containerd, such as `nvidia`."""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Further labels of the nodes."""
    plugin: dict[str, Any] = Field(default_factory=dict[str, Any])
    """Merged over the device plugin's pod template, as Kubernetes spells it."""


class FitSettings(Section):
    """Of the check whether each model fits."""

    over: Literal["refuse", "note"] = "refuse"
    """What does not fit."""
    unknown: Literal["note", "refuse"] = "note"
    """A model whose size nobody knows."""
    lookup: Literal["none", "registry"] = "none"
    """Whether the plan asks the models' registries how large they are."""
    lookup_seconds: float = 10.0
    """For all of them together; what they have not said by then is not known."""
