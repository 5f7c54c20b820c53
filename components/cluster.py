"""Cluster: an existing Kubernetes cluster, made ready for models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi
import pulumi_kubernetes as k8s

from components import cluster_baseline as baseline
from components import kube_context, storage_classes
from components.secrets_at_rest_provider import SecretsAtRest
from components.settings.cluster import StorageSettings
from components.workload import wire


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What a Cluster is made of."""

    environment: Literal["dev", "prod"]
    """`dev` refuses a cluster that is not local, unless `context` names it."""
    prefix: str = "echorator"
    """Begins the names of namespaces and of objects that are global in the cluster."""
    context: str | None = None
    """Context of the kubeconfig; the current one where none is given."""
    api_server: Sequence[str] | None = None
    """`ADDRESS:PORT` by which pods reach the API server; None looks them up."""
    demands: Sequence[baseline.Demand] = field(default_factory=tuple)
    """What the stack's workloads ask for; bounds the quota."""
    storage_class: str | None = None
    """For every volume; the first of `storage`, else the cluster's default class, where none is named."""
    storage: Sequence[StorageSettings] = ()
    """StorageClasses to make."""
    secrets_at_rest: Literal["required", "reported"] = "reported"
    """Whether a cluster that is seen to store Secrets in clear ends the deploy."""


class Cluster(pulumi.ComponentResource):
    """The adopted cluster: a provider, and a namespace with the guard rails that every workload relies on."""

    provider: k8s.Provider
    context: str
    """The context that everything of this stack goes to, also when the current one changes later."""
    prefix: str
    namespace: str
    """Where models run. Pods are refused there that Pod Security `restricted` would refuse."""
    secrets: SecretsAtRest
    """How the cluster stores Secrets."""
    storage_class: str | None
    """Of the stack's volumes; None is the cluster's default one."""
    api_server: pulumi.Output[Sequence[Mapping[str, Any]]]
    """Addresses behind the Service `kubernetes`, as `{"ip", "port"}`: network policies are applied behind it."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Refuses a cluster that the stack must not touch before anything is registered.

        Raises:
            pulumi.RunError: the context is missing, or not local while `environment` is `dev`.
        """
        try:
            context = kube_context.guard(args.environment, args.context)
        except kube_context.KubeContextError as error:
            raise pulumi.RunError(str(error)) from error
        super().__init__("echorator:index:Cluster", name, {"context": context.name}, opts)
        self.context = context.name
        self.prefix = args.prefix
        self.namespace = f"{args.prefix}-models"
        made = [storage_classes.name_of(args.prefix, one) for one in args.storage]
        self.storage_class = args.storage_class or next(iter(made), None)
        self.provider = provider(name, context.name, pulumi.ResourceOptions(parent=self))
        self.api_server = self._api_server(name) if args.api_server is None else _given(args.api_server)
        namespace = k8s.core.v1.Namespace(
            f"{name}-models",
            metadata=wire(baseline.namespace_metadata(args.prefix, self.namespace)),
            # In prod the volumes in it are worth hours of downloads: deleting it must be asked for twice.
            opts=pulumi.ResourceOptions(parent=self, provider=self.provider, protect=args.environment == "prod"),
        )
        self._inside = pulumi.ResourceOptions(parent=self, provider=self.provider, depends_on=[namespace])
        self._bounds(name, args.demands)
        self._network(name)
        self._personas(name)
        self._priorities(name)
        self._storage(name, args.storage)
        self.secrets = SecretsAtRest(
            f"{name}-secrets-at-rest",
            context=self.context,
            namespace=self.namespace,
            required=args.secrets_at_rest == "required",
            # It is forgotten with the namespace: nothing of it is in the cluster.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[namespace], deleted_with=namespace),
        )
        self.register_outputs({"context": self.context, "namespace": self.namespace})

    def priority_class(self, suffix: Literal["models", "store"]) -> str:
        """Name of the priority class for servers, or for the store."""
        return f"{self.prefix}-{suffix}"

    def _metadata(self, name: str, component: str) -> Any:  # noqa: ANN401
        return {
            "name": name,
            "namespace": self.namespace,
            "labels": baseline.object_labels(self.prefix, component),
        }

    def _api_server(self, name: str) -> pulumi.Output[Sequence[Mapping[str, Any]]]:
        found = k8s.discovery.v1.EndpointSlice.get(
            f"{name}-api-server",
            "default/kubernetes",
            pulumi.ResourceOptions(parent=self, provider=self.provider),
        )
        return pulumi.Output.all(found.endpoints, found.ports).apply(lambda both: _addresses(*both))

    def _bounds(self, name: str, demands: Sequence[baseline.Demand]) -> None:
        k8s.core.v1.ResourceQuota(
            f"{name}-quota",
            metadata=self._metadata("models", "quota"),
            spec=wire(baseline.quota(demands)),
            opts=self._inside,
        )
        k8s.core.v1.LimitRange(
            f"{name}-limits",
            metadata=self._metadata("models", "limits"),
            spec=wire(baseline.limit_range()),
            opts=self._inside,
        )

    def _network(self, name: str) -> None:
        for suffix, spec in (("default-deny", baseline.default_deny()), ("allow-dns", baseline.allow_dns())):
            k8s.networking.v1.NetworkPolicy(
                f"{name}-{suffix}", metadata=self._metadata(suffix, "network"), spec=wire(spec), opts=self._inside
            )

    def _personas(self, name: str) -> None:
        for persona, rules in baseline.roles().items():
            k8s.rbac.v1.Role(
                f"{name}-{persona}", metadata=self._metadata(persona, "rbac"), rules=wire(rules), opts=self._inside
            )
            k8s.rbac.v1.RoleBinding(
                f"{name}-{persona}-binding",
                metadata=self._metadata(persona, "rbac"),
                role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": persona},
                subjects=wire([baseline.role_subject(self.prefix, persona)]),
                opts=self._inside,
            )

    def _priorities(self, name: str) -> None:
        for suffix, spec in baseline.priority_classes().items():
            k8s.scheduling.v1.PriorityClass(
                f"{name}-priority-{suffix}",
                metadata={
                    "name": f"{self.prefix}-{suffix}",
                    "labels": baseline.object_labels(self.prefix, "priority"),
                },
                value=spec["value"],
                preemption_policy=spec["preemptionPolicy"],
                description=spec["description"],
                opts=pulumi.ResourceOptions(parent=self, provider=self.provider),
            )

    def _storage(self, name: str, storage: Sequence[StorageSettings]) -> None:
        for one in storage:
            body = storage_classes.storage_class(self.prefix, one, baseline.object_labels(self.prefix, "storage"))
            k8s.storage.v1.StorageClass(
                f"{name}-storage-{body['metadata']['name'].removeprefix(f'{self.prefix}-')}",
                metadata=body["metadata"],
                provisioner=body["provisioner"],
                parameters=body["parameters"],
                volume_binding_mode=body["volumeBindingMode"],
                allow_volume_expansion=body["allowVolumeExpansion"],
                reclaim_policy=body["reclaimPolicy"],
                opts=pulumi.ResourceOptions(parent=self, provider=self.provider),
            )


class LostCluster(pulumi.ComponentResource):
    """A cluster that does not answer and will not: its provider, which forgets what the stack had there."""

    def __init__(self, name: str, context: str, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("echorator:index:Cluster", name, {"context": context}, opts)
        # The engine deletes by the provider of this name what the last deploy had there.
        provider(name, context, pulumi.ResourceOptions(parent=self), lost=True)
        self.register_outputs({"context": context})


def provider(name: str, context: str, opts: pulumi.ResourceOptions, *, lost: bool = False) -> k8s.Provider:
    """The provider that everything of one cluster goes through.

    Args:
        name: of the Cluster.
        context: of the kubeconfig.
        opts: with the Cluster as parent.
        lost: what is deleted there is only forgotten, should the cluster not answer.
    """
    return k8s.Provider(
        f"{name}-provider",
        context=context,
        # The context is the cluster's identity: edits elsewhere in the kubeconfig (a new token, another port)
        # must not replace everything.
        cluster_identifier=context,
        # An agent watches its list: one that is deleted and made again says for a moment that nothing is wanted.
        # What must roll its pods says `immutable` itself.
        enable_config_map_mutable=True,
        # Left out rather than false: providers of stacks that are deployed have no such property.
        delete_unreachable=True if lost else None,
        opts=opts,
    )


def _addresses(endpoints: Sequence[Mapping[str, Any]], ports: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [
        {"ip": address, "port": port["port"]}
        for endpoint in endpoints
        for address in endpoint["addresses"]
        for port in ports
    ]


def _given(addresses: Sequence[str]) -> pulumi.Output[Sequence[Mapping[str, Any]]]:
    parted = [address.rpartition(":") for address in addresses]
    return pulumi.Output.from_input([{"ip": ip.strip("[]"), "port": int(port)} for ip, _, port in parted])
