"""Infrastructure of Cluster API as data: which templates each provider has, and what goes into them.

The templates are those of each provider's own API: AWS v2, GCP and Azure v1, and Docker's of Cluster API itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from components.settings.cluster_api import MachineSettings, MadeClusterSettings

Spec = dict[str, Any]

GROUP = "infrastructure.cluster.x-k8s.io"


@dataclass(frozen=True, kw_only=True)
class Infrastructure:
    """What is known of a provider."""

    kind: str
    """Begins its kinds: `<kind>ClusterTemplate`, `<kind>MachineTemplate`."""
    version: str
    """Of its API."""
    needed: tuple[str, ...] = ()
    """Settings that it requires; the others of `CHOICES` have no effect with it."""
    optional: tuple[str, ...] = ()
    machines: bool = True
    """Whether its machines are of a kind that the settings must name."""
    cluster: Callable[[MadeClusterSettings], Spec]
    machine: Callable[[MadeClusterSettings, MachineSettings, bool], Spec]
    """The third argument says whether the machine is of the control plane."""
    node_name: str | None = None
    """What the kubelet calls its node: as the cloud's controller knows the machine."""
    kubelet: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further arguments of the kubelet."""

    @property
    def api_version(self) -> str:
        """As objects spell it."""
        return f"{GROUP}/{self.version}"


CHOICES = ("region", "project", "subscription", "identity", "sshKey")

_EXTERNAL = {"cloud-provider": "external"}


def _given(**values: object) -> Spec:
    return {key: value for key, value in values.items() if value is not None}


def _aws_cluster(settings: MadeClusterSettings) -> Spec:
    return _given(region=settings.region, sshKeyName=settings.ssh_key)


def _aws_machine(settings: MadeClusterSettings, machine: MachineSettings, control: bool) -> Spec:
    role = "control-plane" if control else "nodes"
    return _given(
        instanceType=machine.machine,
        iamInstanceProfile=f"{role}.cluster-api-provider-aws.sigs.k8s.io",
        sshKeyName=settings.ssh_key,
        ami=None if machine.image is None else {"id": machine.image},
        rootVolume={"size": machine.disk, "type": "gp3", "encrypted": True},
        # A pod that could ask the machine's metadata would have the machine's rights.
        instanceMetadataOptions={"httpTokens": "required", "httpPutResponseHopLimit": 1},
    )


def _gcp_cluster(settings: MadeClusterSettings) -> Spec:
    return _given(project=settings.project, region=settings.region)


def _gcp_machine(_: MadeClusterSettings, machine: MachineSettings, __: bool) -> Spec:
    accelerated = (machine.machine or "").startswith(("a2-", "a3-", "a4-", "g2-"))
    return _given(
        instanceType=machine.machine,
        image=machine.image,
        rootDeviceSize=machine.disk,
        rootDeviceType="pd-balanced",
        publicIP=False,
        # A machine with a GPU cannot be moved while it runs.
        onHostMaintenance="Terminate" if accelerated else None,
        shieldedInstanceConfig={
            "secureBoot": "Enabled",
            "virtualizedTrustedPlatformModule": "Enabled",
            "integrityMonitoring": "Enabled",
        },
    )


def _azure_cluster(settings: MadeClusterSettings) -> Spec:
    return _given(
        location=settings.region,
        subscriptionID=settings.subscription,
        identityRef={
            "apiVersion": f"{GROUP}/v1beta1",
            "kind": "AzureClusterIdentity",
            "name": settings.identity,
        },
    )


def _azure_machine(settings: MadeClusterSettings, machine: MachineSettings, _: bool) -> Spec:
    return _given(
        vmSize=machine.machine,
        image=None if machine.image is None else {"id": machine.image},
        osDisk={
            "osType": "Linux",
            "diskSizeGB": machine.disk,
            "managedDisk": {"storageAccountType": "Premium_LRS"},
        },
        sshPublicKey=settings.ssh_key if settings.ssh_key is not None else "",
    )


def _docker_machine(_: MadeClusterSettings, machine: MachineSettings, __: bool) -> Spec:
    return _given(customImage=machine.image)


INFRASTRUCTURES: Mapping[str, Infrastructure] = MappingProxyType(
    {
        "aws": Infrastructure(
            kind="AWS",
            version="v1beta2",
            needed=("region",),
            optional=("sshKey",),
            cluster=_aws_cluster,
            machine=_aws_machine,
            node_name="{{ ds.meta_data.local_hostname }}",
            kubelet=_EXTERNAL,
        ),
        "gcp": Infrastructure(
            kind="GCP",
            version="v1beta1",
            needed=("region", "project"),
            cluster=_gcp_cluster,
            machine=_gcp_machine,
            node_name='{{ ds.meta_data.local_hostname.split(".")[0] }}',
            kubelet=_EXTERNAL,
        ),
        "azure": Infrastructure(
            kind="Azure",
            version="v1beta1",
            needed=("region", "subscription", "identity"),
            optional=("sshKey",),
            cluster=_azure_cluster,
            machine=_azure_machine,
            node_name='{{ ds.meta_data["local_hostname"] }}',
            kubelet=_EXTERNAL,
        ),
        # Containers on the machine of the management cluster, to try things out.
        "docker": Infrastructure(
            kind="Docker", version="v1beta2", machines=False, cluster=lambda _: {}, machine=_docker_machine
        ),
    }
)
"""Name in the settings to provider."""
