"""Which clusters a stack goes to, and what of them is used."""

from typing import Annotated, Literal

from pydantic import Field

from components.settings.base import Section, Texts
from components.settings.cluster_api import MadeClusterSettings

SHORT_NAME = "cluster"
"""What the one cluster of the setting `cluster` is called."""


class SecretSettings(Section):
    """A Secret that a CSI driver reads."""

    name: str
    namespace: str


class StorageSettings(Section):
    """A StorageClass that the stack makes; `storage_classes.DRIVERS` says what each driver takes."""

    driver: Literal["ebs", "gcePd", "azureDisk", "cephRbd", "longhorn", "localPath"]
    name: str | None = None
    """`<namespace>-<driver>` where none is given."""
    key: str | None = None
    """Of the cloud's key management (a disk encryption set, with Azure), or of Ceph's; the cloud's own key where none
    is given."""
    secret: SecretSettings | None = None
    """What Ceph's and Longhorn's drivers sign in or encrypt with."""
    parameters: dict[str, str] = Field(default_factory=dict[str, str])
    """Further ones of the driver."""


class ClusterSettings(Section):
    """Which cluster, and what of it is used."""

    mode: Literal["adopt", "clusterApi"] = "adopt"
    """Whether it is there already, or Cluster API makes it."""
    cluster_api: MadeClusterSettings | None = None
    """For `clusterApi`."""
    context: str | None = None
    """A context of the kubeconfig; the current one where none is named. With `clusterApi` none is named until the
    cluster is there, and nothing is deployed to it until then."""
    storage_class: str | None = None
    """For every volume; the first of `storage`, else the cluster's default class, where none is named."""
    storage: Annotated[tuple[StorageSettings, ...], Field(strict=False)] = ()
    """StorageClasses that the stack makes."""
    secrets_at_rest: Literal["required", "reported"] = "reported"
    """Whether a cluster that is seen to store Secrets in clear ends the deploy."""
    api_server: Texts | None = None
    """`ADDRESS:PORT` by which pods reach the API server. Looked up where nothing is given; with an empty list the
    agents read their lists from files alone, minutes later."""
    api_server_cidrs: Texts = ()
    """Addresses from which the API server reaches pods, where the network engine counts those as foreign."""


class ListedClusterSettings(ClusterSettings):
    """One of several clusters."""

    name: str
    role: Literal["primary", "secondary"] = "secondary"
    """A server that names no cluster runs on the primary one."""
    lost: bool = False
    """It does not answer and will not: what the stack had there is forgotten without asking it."""

    @property
    def reachable(self) -> bool:
        """Whether something can be deployed to it."""
        return not self.lost and (self.mode == "adopt" or self.context is not None)
