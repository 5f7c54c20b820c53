"""Gives every claim of the simulated class a volume that has no disk.

``python -m toolchain.reduced.volumes KUBECONFIG``
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

import httpx
from lightkube import ApiError, Client, KubeConfig
from lightkube.models.core_v1 import HostPathVolumeSource, ObjectReference, PersistentVolumeSpec
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import PersistentVolume, PersistentVolumeClaim

from toolchain.reduced.objects import PROVISIONER, STORAGE_CLASS

PROVISIONED_BY = "pv.kubernetes.io/provisioned-by"
WANTED_FROM = "volume.kubernetes.io/storage-provisioner"
"""Set on a claim by the controllers once it is time: with a pod to schedule."""
_WATCH_S = 60
_RETRY_S = 1.0
_CONFLICT = 409
_NOT_FOUND = 404


def volume_for(claim: PersistentVolumeClaim) -> PersistentVolume:
    """The volume for a claim: its size, its access modes, and its path nowhere."""
    metadata, spec = claim.metadata, claim.spec
    if metadata is None or spec is None or metadata.uid is None or spec.resources is None:
        raise ValueError(f"the API server gave a claim without uid or resources: {claim}")
    return PersistentVolume(
        metadata=ObjectMeta(name=f"pvc-{metadata.uid}", annotations={PROVISIONED_BY: PROVISIONER}),
        spec=PersistentVolumeSpec(
            capacity={"storage": (spec.resources.requests or {})["storage"]},
            accessModes=spec.accessModes,
            persistentVolumeReclaimPolicy="Delete",
            storageClassName=STORAGE_CLASS,
            claimRef=ObjectReference(
                apiVersion="v1",
                kind="PersistentVolumeClaim",
                namespace=metadata.namespace,
                name=metadata.name,
                uid=metadata.uid,
            ),
            hostPath=HostPathVolumeSource(path=f"/simulated/{metadata.uid}"),
        ),
    )


def plan(
    claims: Iterable[PersistentVolumeClaim], volumes: Iterable[PersistentVolume]
) -> tuple[list[PersistentVolume], list[str]]:
    """What to make and what to delete.

    Returns:
        Volumes for claims that wait for one, and names of our volumes whose claim is gone.
    """
    wanted = {
        claim.metadata.uid: claim
        for claim in claims
        if claim.metadata is not None and (claim.metadata.annotations or {}).get(WANTED_FROM) == PROVISIONER
    }
    have: set[str | None] = set()
    orphans: list[str] = []
    for volume in volumes:
        metadata, spec = volume.metadata, volume.spec
        if metadata is None or (metadata.annotations or {}).get(PROVISIONED_BY) != PROVISIONER:
            continue
        uid = spec.claimRef.uid if spec is not None and spec.claimRef is not None else None
        have.add(uid)
        if uid not in wanted and metadata.name is not None and metadata.deletionTimestamp is None:
            orphans.append(metadata.name)
    return [volume_for(claim) for uid, claim in wanted.items() if uid not in have], orphans


def reconcile(client: Client) -> None:
    """Bring the volumes to what the claims want."""
    claims = list(client.list(PersistentVolumeClaim, namespace="*"))
    make, delete = plan(claims, list(client.list(PersistentVolume)))
    for volume in make:
        try:
            client.create(volume)
        except ApiError as error:
            if error.status.code != _CONFLICT:
                raise
    for name in delete:
        try:
            client.delete(PersistentVolume, name)
        except ApiError as error:
            if error.status.code != _NOT_FOUND:
                raise


def main(kubeconfig: str) -> None:
    """Work until ended."""
    # A proxy from the environment must not catch what is meant for loopback.
    client = Client(config=KubeConfig.from_file(Path(kubeconfig)), trust_env=False)
    while True:
        try:
            reconcile(client)
            for _ in client.watch(PersistentVolumeClaim, namespace="*", server_timeout=_WATCH_S):
                reconcile(client)
        except (ApiError, httpx.HTTPError) as error:
            # The API server is restarting; what is missed meanwhile is found by the next look.
            print(f"volumes: {error!r}", file=sys.stderr, flush=True)
            time.sleep(_RETRY_S)


if __name__ == "__main__":
    main(sys.argv[1])
