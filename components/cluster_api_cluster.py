"""ManagedCluster: a cluster that Cluster API makes, told to the management cluster that Cluster API runs on."""

from dataclasses import dataclass
from typing import Any, Literal

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components import cluster_api, kube_context
from components.cluster import provider
from components.cluster_baseline import object_labels
from components.labels import namespace_labels
from components.settings.cluster_api import MadeClusterSettings

_KEY_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class ManagedClusterArgs:
    """What a ManagedCluster is made of."""

    environment: Literal["dev", "prod"]
    prefix: str
    """Begins the cluster's name and that of its namespace in the management cluster."""
    cluster: str
    """Its name in the settings."""
    settings: MadeClusterSettings


class ManagedCluster(pulumi.ComponentResource):
    """A Cluster with a class of its own, in a namespace of its own of the management cluster.

    The machines come minutes after the deploy: Cluster API makes them, and Pulumi does not wait for them.
    """

    cluster_name: str
    namespace: str
    """In the management cluster; the kubeconfig is there, in the Secret `<cluster name>-kubeconfig`."""

    def __init__(self, name: str, args: ManagedClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Refuses a management cluster that the stack must not touch before anything is registered.

        Raises:
            pulumi.RunError: there is no such context.
        """
        try:
            management = kube_context.guard(args.environment, args.settings.management)
        except kube_context.KubeContextError as error:
            raise pulumi.RunError(str(error)) from error
        super().__init__("echorator:index:ManagedCluster", name, {"management": management.name}, opts)
        self.cluster_name = f"{args.prefix}-{args.cluster}"
        self.namespace = f"{self.cluster_name}-cluster"
        labels = object_labels(args.prefix, "cluster-api")
        # To delete the Cluster is to delete its machines, with all that is on them.
        kept = args.environment == "prod"
        there = pulumi.ResourceOptions(
            parent=self, provider=provider(name, management.name, pulumi.ResourceOptions(parent=self))
        )
        namespace = k8s.core.v1.Namespace(
            f"{name}-namespace",
            metadata={"name": self.namespace, "labels": {**labels, **namespace_labels(args.prefix)}},
            opts=pulumi.ResourceOptions.merge(there, pulumi.ResourceOptions(protect=kept)),
        )
        inside = pulumi.ResourceOptions.merge(there, pulumi.ResourceOptions(depends_on=[namespace]))
        key = random.RandomBytes(
            f"{name}-encryption-key", length=_KEY_BYTES, opts=pulumi.ResourceOptions(parent=self, protect=kept)
        )
        secret = k8s.core.v1.Secret(
            f"{name}-encryption",
            metadata={
                "name": cluster_api.encryption_secret(self.cluster_name),
                "namespace": self.namespace,
                "labels": labels,
            },
            string_data={cluster_api.ENCRYPTION_KEY: key.base64.apply(cluster_api.encryption)},
            opts=inside,
        )
        made = cluster_api.objects(self.cluster_name, self.namespace, args.settings, labels)
        templates = [_object(f"{name}-{part}", body, inside) for part, body in made.templates.items()]
        of_class = pulumi.ResourceOptions(depends_on=[namespace, *templates])
        cluster_class = _object(f"{name}-class", made.cluster_class, pulumi.ResourceOptions.merge(there, of_class))
        last = pulumi.ResourceOptions(depends_on=[namespace, cluster_class, secret], protect=kept)
        _object(f"{name}-cluster", made.cluster, pulumi.ResourceOptions.merge(there, last))
        self.register_outputs({"clusterName": self.cluster_name, "namespace": self.namespace})


def _object(name: str, body: dict[str, Any], opts: pulumi.ResourceOptions) -> k8s.apiextensions.CustomResource:
    return k8s.apiextensions.CustomResource(
        name, api_version=body["apiVersion"], kind=body["kind"], metadata=body["metadata"], spec=body["spec"], opts=opts
    )
