"""What makes the nodes of a GPU pool, and how pods claim their GPUs: plain objects, as Kubernetes spells them."""

from collections.abc import Mapping, Sequence
from typing import Any

from components.gpu_pools import Pool, labels_of, nodes_of, profile_of, taints_of
from components.node_taints import spelled
from components.settings.gpu import (
    ClusterApiSettings,
    GpuPoolSettings,
    KarpenterSettings,
    ReferenceSettings,
    TaintSettings,
)
from fit.accelerators import ACCELERATORS

_DRIVERS = {"nvidia": "gpu.nvidia.com", "amd": "gpu.amd.com", "intel": "gpu.intel.com"}
"""Names that each vendor's DRA driver publishes its devices under."""

FORCE = {"pulumi.com/patchForce": "true"}
"""Of a patch of a node: others may have set such a label by hand."""

_AUTOSCALER = "cluster.x-k8s.io/cluster-api-autoscaler-node-group"
_CAPACITY = "capacity.cluster-autoscaler.kubernetes.io"


def node_pool(settings: GpuPoolSettings, karpenter: KarpenterSettings) -> dict[str, Any]:
    """Spec of a Karpenter NodePool (karpenter.sh/v1)."""
    return karpenter_pool(karpenter, labels=labels_of(settings), taints=taints_of(settings), limits=_limits(settings))


def karpenter_pool(
    karpenter: KarpenterSettings,
    *,
    labels: Mapping[str, str],
    taints: Sequence[TaintSettings],
    limits: Mapping[str, str],
) -> dict[str, Any]:
    """The same for nodes of any kind.

    Args:
        karpenter: what cloud and settings say of the nodes.
        labels: of each node.
        taints: of each node.
        limits: resource to how much of it all nodes may have together.
    """
    requirements = [
        {"key": key, "operator": "In", "values": list(values)} for key, values in sorted(karpenter.requirements.items())
    ]
    if not any(one["key"] == "kubernetes.io/arch" for one in requirements):
        # The images are built for it, and nearly all GPU nodes have it.
        requirements.append({"key": "kubernetes.io/arch", "operator": "In", "values": ["amd64"]})
    spec: dict[str, Any] = {
        "template": {
            "metadata": {"labels": dict(labels)},
            "spec": {
                "nodeClassRef": _reference(karpenter.node_class, "group"),
                "requirements": requirements,
                "taints": [spelled(taint) for taint in taints],
                "expireAfter": karpenter.expire_after,
            },
        },
        "disruption": {
            # A node with one replica on it is not empty: it is only taken when nothing of ours runs there.
            "consolidationPolicy": "WhenEmpty",
            "consolidateAfter": karpenter.consolidate_after,
            # One at a time: each replica that moves loads its models anew.
            "budgets": [{"nodes": "1"}],
        },
        "limits": dict(limits),
    }
    if karpenter.weight is not None:
        spec["weight"] = karpenter.weight
    if not spec["template"]["spec"]["taints"]:
        del spec["template"]["spec"]["taints"]
    return spec


def _limits(settings: GpuPoolSettings) -> dict[str, str]:
    """Karpenter counts whole cards, as its cloud's instance types say them, whatever they are parted into."""
    card = ACCELERATORS[settings.accelerator]
    return {card.resource: str(settings.gpus_per_node * nodes_of(settings))}


def machine_pool(settings: GpuPoolSettings, cluster_api: ClusterApiSettings) -> dict[str, Any]:
    """Spec of a Cluster API MachinePool (cluster.x-k8s.io/v1beta2).

    Its `replicas` are the autoscaler's between the two annotations of `machine_pool_annotations`.
    """
    machine: dict[str, Any] = {
        "clusterName": cluster_api.cluster,
        "bootstrap": {"configRef": _reference(cluster_api.bootstrap, "apiGroup")},
        "infrastructureRef": _reference(cluster_api.infrastructure, "apiGroup"),
    }
    if cluster_api.version is not None:
        machine["version"] = cluster_api.version
    taints = [{**spelled(taint), "propagation": "Always"} for taint in taints_of(settings)]
    if taints:
        machine["taints"] = taints
    return {
        "clusterName": cluster_api.cluster,
        "replicas": settings.min_nodes,
        "template": {"metadata": {"labels": labels_of(settings)}, "spec": machine},
    }


def machine_pool_annotations(settings: GpuPoolSettings, pool: Pool) -> dict[str, str]:
    """Bounds for the cluster autoscaler, and what a node would have, so that it can start from none."""
    labels = ",".join(f"{key}={value}" for key, value in sorted(labels_of(settings).items()))
    taints = ",".join(f"{taint.key}={taint.value or ''}:{taint.effect}" for taint in taints_of(settings))
    found = {
        f"{_AUTOSCALER}-min-size": str(settings.min_nodes),
        f"{_AUTOSCALER}-max-size": str(nodes_of(settings)),
        f"{_CAPACITY}/gpu-count": str(pool.units_per_node),
        f"{_CAPACITY}/gpu-type": pool.resource,
        f"{_CAPACITY}/labels": labels,
    }
    return {**found, f"{_CAPACITY}/taints": taints} if taints else found


def _reference(reference: ReferenceSettings, group: str) -> dict[str, str]:
    return {group: reference.group, "kind": reference.kind, "name": reference.name}


def device_class(settings: GpuPoolSettings) -> dict[str, Any]:
    """Spec of a DeviceClass (resource.k8s.io/v1): the pool's kind of GPU, by what its driver says of it."""
    card = ACCELERATORS[settings.accelerator]
    driver = _DRIVERS[card.vendor]
    rules = [f'device.driver == "{driver}"']
    profile = profile_of(settings)
    if card.vendor == "nvidia":
        kind = "gpu" if profile is None else "mig"
        rules.append(f'device.attributes["{driver}"].type == "{kind}"')
    if profile is not None:
        rules.append(f'device.attributes["{driver}"].profile == "{profile}"')
    return {"selectors": [{"cel": {"expression": rule}} for rule in rules]}


def claim_template(device_class_name: str, gpus: int) -> dict[str, Any]:
    """Spec of a ResourceClaimTemplate (resource.k8s.io/v1): so many GPUs of a class for each pod."""
    exactly = {"deviceClassName": device_class_name, "allocationMode": "ExactCount", "count": gpus}
    return {"spec": {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}}}
