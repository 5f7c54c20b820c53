"""What the objects of a monitoring stack have in common: names, accounts, rights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import workload
from components.cluster import Cluster
from components.labels import namespace_labels
from components.metrics_tls import MetricsTls, secret
from components.monitoring import names, tls
from components.settings.gpu import GpuPoolSettings
from components.settings.monitoring import MonitoringSettings
from components.versions import MONITORING_IMAGES, image
from components.workload import wire

_API = "monitoring.coreos.com/v1"


@dataclass(frozen=True, kw_only=True)
class WatchedMemory:
    """The memory's database, which tells its metrics by TLS."""

    store: str
    """Name of the one that services use."""
    authority: pulumi.Input[str]
    """PEM."""
    ends: pulumi.Input[int]
    """When the first of its certificates ends; seconds since 1970."""


@dataclass(frozen=True, kw_only=True)
class MonitoringStackArgs:
    """What a MonitoringStack is made of."""

    cluster: Cluster
    settings: MonitoringSettings
    replicas: Mapping[str, int]
    """Server in the cluster to how many replicas it has at least."""
    store: bool = True
    """Whether there is a model store."""
    echo: bool = False
    """Whether there is an echo service."""
    memory: WatchedMemory | None = None
    """None where there is none."""
    metrics: MetricsTls | None = None
    """Certificates of what is scraped; None for plain HTTP."""
    backups: bool = False
    """Whether its database is backed up."""
    gpu_pools: Sequence[GpuPoolSettings] = ()
    """Pools in the cluster whose GPUs are NVIDIA's."""
    models: Mapping[str, Sequence[str]] = field(default_factory=dict[str, Sequence[str]])
    """Server in the cluster to names of its models."""
    storage_class: str | None = None
    api_server_cidrs: Sequence[str] = ()
    image_digests: Mapping[str, str] = field(default_factory=dict[str, str])


class Parts:
    """Makes objects in the namespace of a monitoring stack.

    Attributes:
        namespace: theirs.
        outer: options of what is in no namespace, or in another one.
        inside: options of what is in it; whoever makes the namespace has them wait for it.
    """

    def __init__(self, name: str, args: MonitoringStackArgs, namespace: str, outer: pulumi.ResourceOptions) -> None:
        self._name = name
        self._args = args
        self._prefix = args.cluster.prefix
        self.namespace = namespace
        self.outer = self.inside = outer

    def custom(
        self,
        kind: str,
        called: str,
        spec: Any,  # noqa: ANN401
        *,
        after: Sequence[pulumi.Resource] = (),
        annotations: Mapping[str, str] | None = None,
    ) -> k8s.apiextensions.CustomResource:
        """One object of the operator's kinds."""
        metadata = self.metadata(called, called)
        metadata["labels"] = {**metadata["labels"], **self._args.settings.labels}
        if annotations is not None:
            metadata["annotations"] = dict(annotations)
        return k8s.apiextensions.CustomResource(
            f"{self._name}-{kind.lower()}-{called}",
            api_version=_API,
            kind=kind,
            metadata=metadata,
            spec=spec,
            opts=self.inside_after(after),
        )

    def image(self, part: str) -> tuple[str, str]:
        """Reference and version."""
        return image(part, self._args.image_digests), MONITORING_IMAGES[part].tag

    def account(self, part: str) -> pulumi.Resource:
        """A service account, whose token is mounted only where a pod says so."""
        return k8s.core.v1.ServiceAccount(
            f"{self._name}-{part}-account",
            metadata=self.metadata(part, part),
            automount_service_account_token=False,
            opts=self.inside,
        )

    def config(self, part: str, data: Mapping[str, str]) -> pulumi.Output[str]:
        """Name of a ConfigMap that changes with what is in it: that is read at the start, so the pods are new then."""
        metadata = self.metadata(part, part)
        del metadata["name"]
        made = k8s.core.v1.ConfigMap(
            f"{self._name}-{part}-config", metadata=metadata, immutable=True, data=data, opts=self.inside
        )
        return made.metadata.apply(lambda found: str(found.name))

    def role(self, part: str, rules: list[dict[str, Any]], *, namespace: str | None = None) -> list[pulumi.Resource]:
        """A Role and its binding to the part's account; in the own namespace where none is given."""
        suffix = "" if namespace is None else f"-{namespace.removeprefix(f'{self._prefix}-')}"
        metadata = self.metadata(f"{self._prefix}-{part}" if namespace else part, part)
        if namespace is not None:
            metadata["namespace"] = namespace
        role = k8s.rbac.v1.Role(
            f"{self._name}-{part}-role{suffix}", metadata=metadata, rules=wire(rules), opts=self.inside
        )
        binding = k8s.rbac.v1.RoleBinding(
            f"{self._name}-{part}-role{suffix}-binding",
            metadata=metadata,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": metadata["name"]},
            subjects=[{"kind": "ServiceAccount", "name": part, "namespace": self.namespace}],
            opts=self.inside,
        )
        return [role, binding]

    def cluster_role(self, part: str, rules: list[dict[str, Any]]) -> list[pulumi.Resource]:
        """The same for the whole cluster."""
        metadata: Any = {"name": f"{self._prefix}-{part}", "labels": names.object_labels(part, self._prefix)}
        role = k8s.rbac.v1.ClusterRole(
            f"{self._name}-{part}-cluster-role", metadata=metadata, rules=wire(rules), opts=self.inside
        )
        binding = k8s.rbac.v1.ClusterRoleBinding(
            f"{self._name}-{part}-cluster-role-binding",
            metadata=metadata,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": metadata["name"]},
            subjects=[{"kind": "ServiceAccount", "name": part, "namespace": self.namespace}],
            opts=self.inside,
        )
        return [role, binding]

    def certificate(self, part: str) -> list[pulumi.Resource]:
        """The Secret with a part's certificate; none where it tells without TLS."""
        if self._args.metrics is None:
            return []
        metadata, made = self.metadata(tls.secret(part), part), self._args.metrics.certificates
        return [secret(f"{self._name}-metrics-tls-{part}", made, part, metadata, self.inside)]

    @property
    def tls(self) -> bool:
        """Whether what is scraped tells by TLS."""
        return self._args.metrics is not None

    def deployment(self, part: str, spec: dict[str, Any], after: Sequence[pulumi.Resource]) -> pulumi.Resource:
        """A part's Deployment with its disruption budget."""
        self.budget(part, names.selector(part, self._prefix))
        return k8s.apps.v1.Deployment(
            f"{self._name}-{part}", metadata=self.metadata(part, part), spec=wire(spec), opts=self.inside_after(after)
        )

    def service(self, part: str, port: int, **more: int) -> None:
        """A part's Service at `port`, and at further ports by their names."""
        spec = workload.service(names.selector(part, self._prefix), port)
        spec["ports"] += [
            {"name": name, "port": number, "targetPort": name, "protocol": "TCP"} for name, number in more.items()
        ]
        k8s.core.v1.Service(
            f"{self._name}-{part}-service", metadata=self.metadata(part, part), spec=wire(spec), opts=self.inside
        )

    def inside_after(self, resources: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        """Options of what is in the namespace and waits for others."""
        return pulumi.ResourceOptions.merge(self.inside, pulumi.ResourceOptions(depends_on=list(resources)))

    def budget(self, part: str, selected: dict[str, str]) -> None:
        """A disruption budget."""
        k8s.policy.v1.PodDisruptionBudget(
            f"{self._name}-{part}-budget",
            metadata=self.metadata(part, part),
            spec=wire(workload.disruption_budget(selected)),
            opts=self.inside,
        )

    def metadata(self, called: str, part: str) -> Any:  # noqa: ANN401
        """Of an object called so, of one part."""
        return {
            "name": called,
            "namespace": self.namespace,
            "labels": {**names.object_labels(part, self._prefix), **namespace_labels(self._prefix)},
        }
