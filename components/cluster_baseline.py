"""What every cluster of ours gets before the first workload: plain objects, as Kubernetes spells them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from components.labels import labels, namespace_labels
from components.quantity import format_bytes, format_cpu

POD_SECURITY_VERSION = "v1.34"
"""Pinned: with `latest` an upgrade of the cluster could refuse pods that ran the day before."""

DNS_PORTS = [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}]

HEADROOM = 2
"""The namespace may hold so many times what the settings add up to: a rollout beside the running pods, no run-away."""


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one workload asks of the namespace, over all its replicas."""

    pods: int
    cpu: Fraction
    """Cores requested."""
    memory: Fraction
    """Bytes requested."""
    memory_limit: Fraction
    """Bytes at most."""
    storage: Fraction
    """Bytes of volumes."""
    node_ports: int = 0
    """Ports of services that every node opens; a load balancer takes one too."""
    load_balancers: int = 0


def object_labels(prefix: str, component: str) -> dict[str, str]:
    """Labels of what belongs to the stack as a whole."""
    return labels(name="echorator", instance=prefix, component=component)


def pod_security_labels() -> dict[str, str]:
    """Pod Security `restricted`: refuses, audits and warns."""
    found: dict[str, str] = {}
    for mode in ("enforce", "audit", "warn"):
        found[f"pod-security.kubernetes.io/{mode}"] = "restricted"
        found[f"pod-security.kubernetes.io/{mode}-version"] = POD_SECURITY_VERSION
    return found


def namespace_metadata(prefix: str, namespace: str) -> dict[str, Any]:
    """Of the namespace for models."""
    return {
        "name": namespace,
        "labels": {**object_labels(prefix, "namespace"), **namespace_labels(prefix), **pod_security_labels()},
    }


def quota(demands: Sequence[Demand]) -> dict[str, Any]:
    """ResourceQuota: bounds a run-away (an autoscaler, a loop that makes volumes), at `HEADROOM` times the settings."""

    def total(values: Sequence[Fraction | int]) -> Fraction:
        # Never zero: a quota of 0 would refuse the first pod of a server that was scaled up by hand.
        return max(Fraction(sum(values)), Fraction(1)) * HEADROOM

    pods = total([one.pods for one in demands])
    return {
        "hard": {
            "pods": str(pods),
            "persistentvolumeclaims": str(pods),
            "requests.cpu": format_cpu(total([one.cpu for one in demands])),
            "requests.memory": format_bytes(total([one.memory for one in demands])),
            "limits.memory": format_bytes(total([one.memory_limit for one in demands])),
            "requests.storage": format_bytes(total([one.storage for one in demands])),
            # What is reached from outside the cluster is said in the settings, and nothing else is.
            "services.loadbalancers": str(sum(one.load_balancers for one in demands)),
            "services.nodeports": str(sum(one.node_ports for one in demands)),
        }
    }


def limit_range() -> dict[str, Any]:
    """LimitRange: what a container gets that says nothing, so that the quota does not refuse it."""
    return {
        "limits": [
            {
                "type": "Container",
                "default": {"cpu": "500m", "memory": "256Mi"},
                "defaultRequest": {"cpu": "50m", "memory": "64Mi"},
            }
        ]
    }


def default_deny() -> dict[str, Any]:
    """NetworkPolicy: no pod of the namespace talks to anything, nor is talked to, unless another policy allows it."""
    return {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def allow_dns() -> dict[str, Any]:
    """NetworkPolicy: every pod may ask the cluster's DNS."""
    dns = {
        "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}},
        "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}},
    }
    return {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [dns], "ports": DNS_PORTS}]}


def priority_classes() -> dict[str, dict[str, Any]]:
    """Suffix of the name to value and description.

    The store goes before the servers: a server that is evicted comes back from it, the other way round does not work.
    Model pods wait for room rather than push out what other teams run (`preemptionPolicy: Never`): one of them is
    large enough to push out a dozen.
    """
    return {
        "store": {
            "value": 200_000,
            "preemptionPolicy": "PreemptLowerPriority",
            "description": "The model store: replicas fetch their models from it.",
        },
        "models": {"value": 100_000, "preemptionPolicy": "Never", "description": "Ollama servers."},
    }


def roles() -> dict[str, list[dict[str, Any]]]:
    """Persona to the rules of its Role in the namespace: no wildcard, no Secret, nothing that leads to more rights."""
    seen = [
        {
            "apiGroups": [""],
            "resources": [
                "configmaps", "endpoints", "events", "limitranges", "persistentvolumeclaims", "pods", "pods/log",
                "pods/status", "resourcequotas", "serviceaccounts", "services",
            ],
            "verbs": ["get", "list", "watch"],
        },
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["events.k8s.io"], "resources": ["events"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["policy"], "resources": ["poddisruptionbudgets"], "verbs": ["get", "list", "watch"]},
    ]  # fmt: skip
    operated = [
        # Restart a replica, and move one away without going round its disruption budget.
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["delete"]},
        {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
        {"apiGroups": ["apps"], "resources": ["statefulsets/scale"], "verbs": ["get", "patch", "update"]},
        # What a replica's agent says of its models, which a deploy waits for. HTTP's methods are the verbs, and `get`
        # changes nothing there.
        {"apiGroups": [""], "resources": ["pods/proxy"], "verbs": ["get"]},
    ]
    return {"viewer": seen, "operator": [*seen, *operated]}


def role_subject(prefix: str, persona: str) -> dict[str, Any]:
    """Whom a persona's Role is bound to: a group that the cluster's sign-in hands out."""
    return {"kind": "Group", "name": f"{prefix}:{persona}s", "apiGroup": "rbac.authorization.k8s.io"}
