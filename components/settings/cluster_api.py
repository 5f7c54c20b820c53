"""A cluster that Cluster API makes: where it is managed, on whose machines, how many of which."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.base import Section


class MachineSettings(Section):
    """The machines of the control plane."""

    machine: str | None = None
    """The cloud's name of the kind, such as m6i.xlarge; Docker has none."""
    replicas: int = 3
    disk: int = 100
    """GiB of each machine's own disk."""
    image: str | None = None
    """Of the machines: an AMI, an image of the project, a container image; the provider's own for the version where
    none is given."""


class WorkerTaintSettings(Section):
    """What holds pods off that do not tolerate it."""

    key: str
    value: str | None = None
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] = "NoSchedule"


class WorkerSettings(MachineSettings):
    """One group of workers of one kind."""

    name: str
    replicas: int = 1
    labels: dict[str, str] = Field(default_factory=dict[str, str])
    """Of the nodes."""
    taints: Annotated[tuple[WorkerTaintSettings, ...], Field(strict=False)] = ()


class MadeClusterSettings(Section):
    """What Cluster API is told."""

    management: str
    """Context of the cluster that Cluster API runs on."""
    infrastructure: Literal["aws", "gcp", "azure", "docker"]
    version: str
    """Of Kubernetes, such as v1.34.4."""
    region: str | None = None
    project: str | None = None
    """Of Google's cloud."""
    subscription: str | None = None
    """Of Azure."""
    identity: str | None = None
    """Name of the AzureClusterIdentity that the machines are made with."""
    ssh_key: str | None = None
    """Name of a key pair of AWS, or a public key for Azure in base64; no machine lets anybody in without it."""
    pods: str = "10.244.0.0/16"
    """Addresses of pods."""
    services: str = "10.96.0.0/16"
    """Addresses of services."""
    control_plane: MachineSettings = MachineSettings()
    workers: Annotated[tuple[WorkerSettings, ...], Field(strict=False)] = ()
