"""Encryption of what is stored: classes of volumes, claims, backups."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections.abc import Callable, Iterator

from policies.check import Facts, Family, Finding, Parameter, Severity, Stack, at, kinds
from policies.items import Item
from policies.nodes import Node

FAMILY = Family("encryption", "https://kubernetes.io/docs/concepts/storage/storage-classes/#parameters")
_CLASSES = kinds("storage.k8s.io", "StorageClass")
_CLAIMS = kinds("", "PersistentVolumeClaim")


def _lower(node: Node) -> dict[str, Node]:
    """Parameters by lower-case name: several drivers read them so."""
    return {key.lower(): below for key, below in node.fields()}


def _true(name: str) -> Callable[[dict[str, Node]], str | None]:
    def test(found: dict[str, Node]) -> str | None:
        node = found.get(name.lower())
        if node is None:
            return f'`{name}` must be "true"'
        return None if node.unknown or str(node.value).lower() == "true" else f'`{name}` must be "true", not {node}'

    return test


def _set(name: str) -> Callable[[dict[str, Node]], str | None]:
    def test(found: dict[str, Node]) -> str | None:
        node = found.get(name.lower())
        return f"`{name}` must be set" if node is None or node.missing or node.text == "" else None

    return test


def _not_false(name: str) -> Callable[[dict[str, Node]], str | None]:
    def test(found: dict[str, Node]) -> str | None:
        node = found.get(name.lower())
        return f"`{name}` must not be {node}" if node is not None and str(node.value).lower() == "false" else None

    return test


_DRIVERS: dict[str, Callable[[dict[str, Node]], str | None]] = {
    "ebs.csi.aws.com": _true("encrypted"),
    "ebs.csi.eks.amazonaws.com": _true("encrypted"),
    "kubernetes.io/aws-ebs": _true("encrypted"),
    "efs.csi.aws.com": _not_false("encryptInTransit"),
    "diskplugin.csi.alibabacloud.com": _true("encrypted"),
    "rbd.csi.ceph.com": _true("encrypted"),
    "rook-ceph.rbd.csi.ceph.com": _true("encrypted"),
    "cephfs.csi.ceph.com": _true("encrypted"),
    "rook-ceph.cephfs.csi.ceph.com": _true("encrypted"),
    "driver.longhorn.io": _true("encrypted"),
    "pxd.portworx.com": _true("secure"),
    "kubernetes.io/portworx-volume": _true("secure"),
    "linodebs.csi.linode.com": _true("linodebs.csi.linode.com/luks-encrypted"),
    "csi.hetzner.cloud": _set("csi.storage.k8s.io/node-publish-secret-name"),
    # These clouds encrypt each disk with a key of their own; a customer's key is another check.
    "pd.csi.storage.gke.io": lambda _: None,
    "kubernetes.io/gce-pd": lambda _: None,
    "disk.csi.azure.com": lambda _: None,
    "file.csi.azure.com": lambda _: None,
    "kubernetes.io/azure-disk": lambda _: None,
    "filestore.csi.storage.gke.io": lambda _: None,
    "dobs.csi.digitalocean.com": lambda _: None,
}
"""CSI driver to what is wrong with its parameters; from the documentation of each driver."""

_CUSTOMER_KEY = {
    "ebs.csi.aws.com": "kmsKeyId",
    "kubernetes.io/aws-ebs": "kmsKeyId",
    "pd.csi.storage.gke.io": "disk-encryption-kms-key",
    "disk.csi.azure.com": "diskEncryptionSetID",
    "diskplugin.csi.alibabacloud.com": "kmsKeyId",
}
_LONGHORN = tuple(f"csi.storage.k8s.io/{step}-secret-name" for step in ("provisioner", "node-publish", "node-stage"))
_KNOWN = {"encryptedDrivers": Parameter([], "Further CSI drivers that always encrypt.")}


def class_fault(item: Item, encrypting: list[str]) -> tuple[Node, str] | None:
    """What keeps a StorageClass from encrypting, and where; None where nothing does, or it cannot be known."""
    driver, parameters = item.body.at("provisioner"), item.body.at("parameters")
    if driver.text is None or driver.text in encrypting:
        return None
    rule = _DRIVERS.get(driver.text)
    if rule is None:
        return driver, f"{driver} is not known to encrypt"
    if parameters.unknown:
        return None
    fault = rule(_lower(parameters))
    return None if fault is None else (parameters, fault)


@FAMILY.check(
    "storage-class",
    Severity.HIGH,
    "A StorageClass encrypts its volumes",
    on=_CLASSES,
    why="Prompts, memories and keys stay readable on a disk that is thrown away, copied or put into a snapshot.",
    fix="Set the driver's parameter, or use a driver that encrypts; local disks: encrypt the node's disk and say so.",
    prod_only=True,
    parameters=_KNOWN,
)
def storage_class(item: Item, facts: Facts) -> Iterator[Finding]:
    fault = class_fault(item, facts.texts("encryptedDrivers"))
    if fault is not None:
        yield at(*fault)


@FAMILY.check(
    "storage-class-secrets",
    Severity.HIGH,
    "An encrypting Longhorn class names its keys",
    on=_CLASSES,
    link="https://longhorn.io/docs/latest/advanced-resources/security/volume-encryption/",
    why="Without the references the volume is made in clear, or never mounts.",
    fix="Set provisioner, node-publish and node-stage secret names and namespaces.",
)
def longhorn(item: Item, _: Facts) -> Iterator[Finding]:
    parameters = item.body.at("parameters")
    encrypted = _lower(parameters).get("encrypted")
    if item.body.at("provisioner").text == "driver.longhorn.io" and encrypted is not None and encrypted.text == "true":
        for name in _LONGHORN:
            if parameters.at(name).missing:
                yield at(parameters, f"`{name}` is not set")


@FAMILY.check(
    "customer-key",
    Severity.LOW,
    "A StorageClass encrypts with a key of one's own",
    on=_CLASSES,
    why="A key that the cloud keeps cannot be withdrawn, and its use is not in your audit log.",
    fix="Name a key of your key management service.",
    level="advisory",
    prod_only=True,
)
def customer_key(item: Item, _: Facts) -> Iterator[Finding]:
    name = _CUSTOMER_KEY.get(item.body.at("provisioner").text or "")
    parameters = item.body.at("parameters")
    if name is not None and not parameters.unknown and name.lower() not in _lower(parameters):
        yield at(parameters, f"`{name}` is not set")


def claims(item: Item) -> Iterator[Node]:
    """Where an object says which class a volume has: the node of `storageClassName` or what stands for it."""
    if item.key == ("", "PersistentVolumeClaim"):
        yield item.body.at("spec", "storageClassName")
    for template in item.body.at("spec", "volumeClaimTemplates").each():
        yield template.at("spec", "storageClassName")
    for pod in item.pods:
        for volume in pod.spec.at("volumes").each():
            claim = volume.at("ephemeral", "volumeClaimTemplate")
            if claim.present:
                yield claim.at("spec", "storageClassName")
    yield from _operated(item)


def _operated(item: Item) -> Iterator[Node]:
    if item.key == ("postgresql.cnpg.io", "Cluster"):
        for name in ("storage", "walStorage"):
            storage = item.body.at("spec", name)
            template = storage.at("pvcTemplate", "storageClassName")
            if storage.present and not storage.at("storageClass").present and template.present:
                yield template
            elif storage.present:
                yield storage.at("storageClass")
    if item.group == "monitoring.coreos.com":
        claim = item.body.at("spec", "storage", "volumeClaimTemplate")
        if claim.present:
            yield claim.at("spec", "storageClassName")


def _has_claims(item: Item) -> bool:
    return not item.foreign and any(True for _ in claims(item))


@FAMILY.check(
    "default-class",
    Severity.HIGH,
    "A volume names its StorageClass",
    on=_has_claims,
    why="The cluster's default class is whatever somebody made the default, and usually encrypts nothing.",
    fix="Name a class that encrypts (here: the setting `cluster.storageClass`).",
    prod_only=True,
)
def default_class(item: Item, _: Facts) -> Iterator[Finding]:
    for node in claims(item):
        bound = item.body.at("spec", "volumeName")
        # The empty text asks for a volume that somebody made by hand, which a claim names.
        if (node.missing or node.text == "") and not (node.text == "" and bound.present):
            yield at(node, "is the cluster's default class")


@FAMILY.stack_check(
    "volume-class",
    Severity.HIGH,
    "A volume's StorageClass is known to encrypt",
    link="https://kubernetes.io/docs/concepts/storage/storage-classes/#parameters",
    why="The class decides whether a volume is encrypted; the claim only names it.",
    fix="Make the class in this stack with an encrypting driver, or list it in `encryptedClasses`.",
    prod_only=True,
    parameters={
        "encryptedClasses": Parameter([], "Classes outside the stack that encrypt, such as `gp3-encrypted`."),
        **_KNOWN,
    },
)
def volume_class(stack: Stack, facts: Facts) -> Iterator[Finding]:
    drivers = facts.texts("encryptedDrivers")
    own = {item.name: class_fault(item, drivers) for item in stack.all(_CLASSES) if not item.body.partial}
    known = facts.texts("encryptedClasses")
    for item in stack.items():
        for node in () if item.foreign else claims(item):
            name = node.text
            if not name or name in known:
                continue
            if name not in own:
                yield Finding(node.path, f"class {name} is not known to encrypt", item.resource.urn)
            elif own[name] is not None:
                yield Finding(node.path, f"class {name} of this stack does not encrypt", item.resource.urn)


@FAMILY.check(
    "backup",
    Severity.HIGH,
    "A backup is encrypted",
    on=kinds("postgresql.cnpg.io", "Cluster") | kinds("barmancloud.cnpg.io", "ObjectStore"),
    link="https://cloudnative-pg.io/documentation/current/appendixes/backup_barmanobjectstore/",
    why="A backup is the whole database in somebody else's storage.",
    fix="Set `encryption: AES256` (or `aws:kms`) for `data` and `wal`, or list the bucket's own in `encryptedBuckets`.",
    parameters={"encryptedBuckets": Parameter([], "Beginnings of destinations whose storage encrypts by itself.")},
)
def backup(item: Item, facts: Facts) -> Iterator[Finding]:
    for path in (("spec", "backup", "barmanObjectStore"), ("spec", "configuration")):
        store = item.body.at(*path)
        target = store.at("destinationPath")
        if not store.present or (target.text or "").startswith(tuple(facts.texts("encryptedBuckets")) or ("\0",)):
            continue
        for part in ("data", "wal"):
            if store.at(part, "encryption").missing:
                yield at(store.at(part, "encryption"), "is not set")


@FAMILY.check(
    "backup-location",
    Severity.HIGH,
    "A place for backups encrypts",
    on=kinds("velero.io", "BackupStorageLocation"),
    link="https://velero.io/docs/main/api-types/backupstoragelocation/",
    why="A backup of a cluster holds its Secrets.",
    fix="Set `config.kmsKeyId` or `config.serverSideEncryption` (AWS), or allow the provider that always encrypts.",
    parameters={
        "encryptedProviders": Parameter(["velero.io/gcp", "gcp", "azure", "velero.io/azure"], "Always encrypt.")
    },
)
def backup_location(item: Item, facts: Facts) -> Iterator[Finding]:
    spec = item.body.at("spec")
    config = spec.at("config")
    provider = spec.at("provider")
    if provider.unknown or provider.text in facts.texts("encryptedProviders") or config.unknown:
        return
    names = ("kmsKeyId", "serverSideEncryption", "customerKeyEncryptionFile", "customerKeyEncryptionSecret")
    if all(config.at(name).missing for name in names):
        yield at(config, "names no encryption")
