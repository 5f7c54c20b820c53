"""What the reduced mode leaves out, in the words that `make up` prints."""

from __future__ import annotations

WHAT_IS_REDUCED = (
    "No container runs: three nodes are simulated by KWOK, a pod is Running and Ready as soon as it is scheduled.",
    "No image is pulled, and there are no logs, no exec and no probes.",
    "Nothing in the cluster is reachable: Services get endpoints, but no proxy, DNS or network stands behind them.",
    "NetworkPolicies are stored and not enforced.",
    "Pod Security works at admission; what a kernel enforces (user, capabilities, read-only root) is not exercised.",
    "Volumes are records without a disk: claims bind and go, sizes count in quotas, nothing is stored.",
    "One Ollama process on this machine's loopback stands in for the replicas; the stack adopts it by its URL.",
    "That process pulls from one model store process on loopback, not from the store in the cluster.",
)
"""One sentence an entry. Real are: API server, etcd, controllers, scheduler, admission, quotas, RBAC, Secrets
encrypted at rest, Ollama, the model store's code, and every Pulumi operation."""
