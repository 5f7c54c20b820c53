"""VolumeGrowth: volumes of a server's replicas that grow with the settings, and keep what is on them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s
from pulumi.dynamic import Resource

from components.volume_growth_provider import VolumeGrowthProvider
from components.workload import DATA


@dataclass(frozen=True, kw_only=True)
class VolumeGrowthArgs:
    """What a VolumeGrowth is made of."""

    context: str
    """Of the kubeconfig."""
    namespace: str
    stateful_set: k8s.apps.v1.StatefulSet
    """It ignores changes of its claim templates, since Pulumi would replace it, pods and volumes with it."""
    name: str
    """Of the StatefulSet in the cluster."""
    storage: str
    """Size of each volume, a quantity. It may grow."""
    storage_class: str | None = None
    access_mode: str = "ReadWriteOnce"


class VolumeGrowth(Resource, module="echorator", name="VolumeGrowth"):
    """The size of the volumes of one StatefulSet.

    It comes after the StatefulSet, not before it. One that Pulumi made anew has, because changes are ignored, the
    size that the stack began with, and only a later look can mend that; and one that was lost while it was replaced
    is known to the copy that growing leaves, or is made by Pulumi after a refresh, and then this finds nothing to do.
    """

    volumes: pulumi.Output[Mapping[str, str]]
    """Claim to its size, and to what it waits for."""

    def __init__(self, name: str, args: VolumeGrowthArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        own = pulumi.ResourceOptions(depends_on=[args.stateful_set])
        super().__init__(
            VolumeGrowthProvider(),
            name,
            {
                "context": args.context,
                "namespace": args.namespace,
                "statefulSet": args.name,
                "claim": DATA,
                "storage": args.storage,
                "storageClass": args.storage_class,
                "accessMode": args.access_mode,
                "serverUid": args.stateful_set.metadata.apply(lambda found: found.uid),
                "uid": None,
                "volumes": None,
            },
            pulumi.ResourceOptions.merge(own, opts),
        )
