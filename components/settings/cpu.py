"""Pools of nodes without GPUs: how they come to be, and what they may cost."""

from pydantic import Field

from components.settings.base import Section
from components.settings.gpu import ExistingSettings, KarpenterSettings


class CpuPoolSettings(Section):
    """Nodes that pods without GPUs prefer. Either `existing` or `karpenter` says how they come to be."""

    name: str
    cluster: str | None = None
    """Name in `clusters`; the primary one where none is named."""
    existing: ExistingSettings | None = None
    karpenter: KarpenterSettings | None = None
    max_cpus: int | None = None
    """Cores of all nodes that Karpenter makes; needed with it."""
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Further labels of the nodes."""
