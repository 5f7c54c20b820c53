"""StorageClasses that encrypt, by CSI driver: which parameters each takes, and the object that comes of it.

The parameters are those of each driver's own documentation; the policy pack's check `encryption-storage-class` judges
them a second time, on its own list.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from components.settings.cluster import StorageSettings


@dataclass(frozen=True, kw_only=True)
class Driver:
    """What is known of a CSI driver."""

    provisioner: str
    encrypts: bool = True
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    """Always set: with these its volumes are encrypted."""
    needed: tuple[str, ...] = ()
    """Parameters that the settings must give."""
    key: str | None = None
    """The parameter that names a key of one's own."""
    key_needed: bool = False
    secrets: tuple[str, ...] = ()
    """Steps for which the driver is handed a Secret, as `csi.storage.k8s.io/<step>-secret-name` names them."""
    grows: bool = True


DRIVERS: Mapping[str, Driver] = MappingProxyType(
    {
        # Off by default: a volume of a class that does not say it is in clear unless the account's setting says else.
        "ebs": Driver(provisioner="ebs.csi.aws.com", parameters={"type": "gp3", "encrypted": "true"}, key="kmsKeyId"),
        # The next two clouds encrypt each disk with a key of their own, whatever the class says.
        "gcePd": Driver(
            provisioner="pd.csi.storage.gke.io", parameters={"type": "pd-balanced"}, key="disk-encryption-kms-key"
        ),
        "azureDisk": Driver(
            provisioner="disk.csi.azure.com", parameters={"skuName": "Premium_LRS"}, key="diskEncryptionSetID"
        ),
        "cephRbd": Driver(
            provisioner="rbd.csi.ceph.com",
            parameters={"encrypted": "true"},
            needed=("clusterID", "pool"),
            key="encryptionKMSID",
            key_needed=True,
            secrets=("provisioner", "controller-expand", "node-stage"),
        ),
        "longhorn": Driver(
            provisioner="driver.longhorn.io",
            parameters={"encrypted": "true"},
            secrets=("provisioner", "node-publish", "node-stage", "node-expand"),
        ),
        # Folders of the node, for development: as safe as the node's disk is.
        "localPath": Driver(provisioner="rancher.io/local-path", encrypts=False, grows=False),
    }
)
"""Name in the settings to driver."""

_CHOICES = ("type", "skuName")
"""Parameters with a default: a kind of disk is a choice, that it is encrypted is none."""


def name_of(prefix: str, storage: StorageSettings) -> str:
    """What the class is called in the cluster."""
    dashed = re.sub("([A-Z])", r"-\1", storage.driver).lower()
    return storage.name or f"{prefix}-{dashed}"


def parameters(storage: StorageSettings) -> dict[str, str]:
    """All parameters of a class whose settings are checked."""
    driver = DRIVERS[storage.driver]
    found = {**driver.parameters, **storage.parameters}
    if storage.key is not None and driver.key is not None:
        found[driver.key] = storage.key
    if storage.secret is not None:
        for step in driver.secrets:
            found[f"csi.storage.k8s.io/{step}-secret-name"] = storage.secret.name
            found[f"csi.storage.k8s.io/{step}-secret-namespace"] = storage.secret.namespace
    return found


def storage_class(prefix: str, storage: StorageSettings, labels: Mapping[str, str]) -> dict[str, Any]:
    """The object, as Kubernetes spells it."""
    driver = DRIVERS[storage.driver]
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name_of(prefix, storage), "labels": dict(labels)},
        "provisioner": driver.provisioner,
        "parameters": parameters(storage),
        # The disk is made where the pod goes: in its zone, on a node that has the GPU.
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": driver.grows,
        "reclaimPolicy": "Delete",
    }


def faults(driver: str, given: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Key and problem of each thing that a driver needs or does not take.

    Args:
        driver: a name in `DRIVERS`.
        given: the raw settings of the class.
    """
    known = DRIVERS[driver]
    raw = given.get("parameters")
    extra: Mapping[str, Any] = raw if isinstance(raw, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]
    for name in known.needed:
        if not extra.get(name):
            yield f"parameters.{name}", f"is required by `{driver}`"
    yield from _fixed(known, extra)
    if known.key_needed and given.get("key") is None:
        yield "key", f"is required by `{driver}`: it becomes `{known.key}`"
    if known.key is None and given.get("key") is not None:
        yield "key", f"has no effect with `{driver}`. Leave it out"
    if known.secrets and given.get("secret") is None:
        yield "secret", f"is required by `{driver}` (name and namespace of a Secret): it encrypts or signs in with it"
    if not known.secrets and given.get("secret") is not None:
        yield "secret", f"has no effect with `{driver}`. Leave it out"


def _fixed(known: Driver, extra: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    # Some drivers read names in any case.
    fixed = {name.lower(): value for name, value in known.parameters.items() if name not in _CHOICES}
    for name in map(str, extra):
        if name.lower() in fixed:
            always = fixed[name.lower()]
            yield f"parameters.{name}", f"is always `{always}`: the class is made to encrypt. Leave it out"
        elif known.key is not None and name.lower() == known.key.lower():
            yield f"parameters.{name}", "is the setting `key`. Put it there"
        elif name.endswith(("-secret-name", "-secret-namespace")):
            yield f"parameters.{name}", "is made of the setting `secret`. Put it there"
