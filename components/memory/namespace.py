"""The memory's namespace, with the guard rails of the one for models."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import cluster_baseline as baseline
from components.cluster import Cluster
from components.memory import names
from components.workload import wire


class MemoryNamespace:
    """Namespace, quota, limits, and policies that allow DNS alone."""

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        demands: Sequence[baseline.Demand],
        *,
        protect: bool,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Registers all of it.

        Args:
            name: begins the resources' names.
            cluster: where.
            demands: what will run there; bounds the quota.
            protect: whether deleting it must be asked for twice.
            opts: parent and provider.
        """
        self.name = names.namespace(cluster.prefix)
        self._prefix = cluster.prefix
        self.space = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata=wire(baseline.namespace_metadata(cluster.prefix, self.name)),
            opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(protect=protect)),
        )
        self.inside = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[self.space]))
        k8s.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata=self.metadata("memory", "quota"),
            spec=wire(baseline.quota(demands)),
            opts=self.inside,
        )
        k8s.core.v1.LimitRange(
            f"{name}-limits",
            metadata=self.metadata("memory", "limits"),
            spec=wire(baseline.limit_range()),
            opts=self.inside,
        )
        self.policies = [
            self.policy(name, "default-deny", baseline.default_deny()),
            self.policy(name, "allow-dns", baseline.allow_dns()),
        ]

    def metadata(self, called: str | None, component: str, annotations: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
        """Metadata of an object in it; without a name Pulumi gives one that changes with the content."""
        return {
            **({} if called is None else {"name": called}),
            **({} if annotations is None else {"annotations": annotations}),
            "namespace": self.name,
            "labels": names.object_labels(self._prefix, component),
        }

    def policy(self, name: str, called: str, spec: Any) -> k8s.networking.v1.NetworkPolicy:  # noqa: ANN401
        """A NetworkPolicy in it."""
        return k8s.networking.v1.NetworkPolicy(
            f"{name}-{called}", metadata=self.metadata(called, "network"), spec=wire(spec), opts=self.inside
        )

    def account(self, name: str, called: str, component: str) -> k8s.core.v1.ServiceAccount:
        """A service account whose token is not mounted."""
        return k8s.core.v1.ServiceAccount(
            f"{name}-{called}-account",
            metadata=self.metadata(called, component),
            automount_service_account_token=False,
            opts=self.inside,
        )

    def secret(self, name: str, called: str, component: str, data: Any, kind: str = "Opaque") -> k8s.core.v1.Secret:  # noqa: ANN401
        """A Secret that the operator takes a change of at once."""
        metadata = self.reloaded(called, component)
        return k8s.core.v1.Secret(f"{name}-{called}", metadata=metadata, type=kind, string_data=data, opts=self.inside)

    def reloaded(self, called: str, component: str) -> Any:  # noqa: ANN401
        """Metadata of a Secret or ConfigMap that the operator takes a change of at once."""
        metadata = self.metadata(called, component)
        metadata["labels"] = {**metadata["labels"], "cnpg.io/reload": "true"}
        return metadata
