"""Each claim that waits for us gets one volume, and a volume goes with its claim.

Not proved: that Kubernetes binds them (tests/reduced does).
"""

from __future__ import annotations

from lightkube.models.core_v1 import PersistentVolumeClaimSpec, VolumeResourceRequirements
from lightkube.models.meta_v1 import ObjectMeta
from lightkube.resources.core_v1 import PersistentVolume, PersistentVolumeClaim

from toolchain.reduced.objects import PROVISIONER, STORAGE_CLASS
from toolchain.reduced.volumes import PROVISIONED_BY, WANTED_FROM, plan, volume_for


def claim(uid: str, provisioner: str | None = PROVISIONER) -> PersistentVolumeClaim:
    annotations = {} if provisioner is None else {WANTED_FROM: provisioner}
    return PersistentVolumeClaim(
        metadata=ObjectMeta(name=f"data-{uid}", namespace="models", uid=uid, annotations=annotations),
        spec=PersistentVolumeClaimSpec(
            accessModes=["ReadWriteOnce"], resources=VolumeResourceRequirements(requests={"storage": "4Gi"})
        ),
    )


def test_a_volume_is_its_claim_s() -> None:
    made = volume_for(claim("u1"))
    assert made.metadata is not None
    assert made.spec is not None
    assert made.spec.claimRef is not None
    assert (made.metadata.name, made.metadata.annotations) == ("pvc-u1", {PROVISIONED_BY: PROVISIONER})
    assert (made.spec.capacity, made.spec.accessModes) == ({"storage": "4Gi"}, ["ReadWriteOnce"])
    assert (made.spec.claimRef.namespace, made.spec.claimRef.name, made.spec.claimRef.uid) == (
        "models",
        "data-u1",
        "u1",
    )
    assert (made.spec.storageClassName, made.spec.persistentVolumeReclaimPolicy) == (STORAGE_CLASS, "Delete")


def test_only_claims_that_are_ours_and_due_get_one() -> None:
    make, delete = plan([claim("mine"), claim("not-yet", None), claim("other", "else")], [])
    assert [volume.metadata.name for volume in make if volume.metadata is not None] == ["pvc-mine"]
    assert delete == []


def test_nothing_is_made_twice() -> None:
    assert plan([claim("a")], [volume_for(claim("a"))]) == ([], [])


def test_a_volume_goes_with_its_claim_and_others_stay() -> None:
    foreign = volume_for(claim("b"))
    assert foreign.metadata is not None
    foreign.metadata.annotations = {PROVISIONED_BY: "else"}
    going = volume_for(claim("c"))
    assert going.metadata is not None
    going.metadata.deletionTimestamp = going.metadata.creationTimestamp = None
    assert plan([], [volume_for(claim("a")), foreign, PersistentVolume()]) == ([], ["pvc-a"])
    # One of the same name, made anew, has another uid: it gets its own.
    make, delete = plan([claim("d")], [going])
    assert ([one.metadata.name for one in make if one.metadata], delete) == (["pvc-d"], ["pvc-c"])
