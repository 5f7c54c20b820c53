"""OllamaServer: replicas of Ollama behind one service, or a server elsewhere that already runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import ollama_server_objects as objects
from components import workload
from components.cluster import Cluster
from components.sizes import Size
from components.versions import image
from components.workload import wire


@dataclass(frozen=True, kw_only=True)
class OllamaServerArgs:
    """What an OllamaServer is made of: either `url`, or the rest."""

    name: str
    """Of the service that clients use, and of the pods with `-0`, `-1` and so on behind it."""
    url: str | None = None
    """Of a server that already runs: nothing is deployed."""
    cluster: Cluster | None = None
    replicas: int = 1
    size: Size | None = None
    storage_class: str | None = None
    store: dict[str, str] | None = None
    """Selector of the model store's pods; None lets replicas fetch from registries themselves."""
    api_server_cidrs: Sequence[str] = ()
    image_digests: Mapping[str, str] = field(default_factory=dict[str, str])

    def check(self) -> None:
        """Refuses what is neither one way nor the other.

        Raises:
            pulumi.RunError: says what to leave out or add.
        """
        inside = self.cluster is not None and self.size is not None
        if self.url is not None and (self.cluster is not None or self.size is not None):
            raise pulumi.RunError(
                f"server `{self.name}`: `url` is of a server that already runs, so it takes no `cluster` and no "
                "`size`. Leave out either `url` or those two"
            )
        if self.url is None and not inside:
            raise pulumi.RunError(f"server `{self.name}`: needs either `url`, or `cluster` and `size`")
        if self.replicas < 0:
            raise pulumi.RunError(f"server `{self.name}`: `replicas` must be 0 or more, not {self.replicas}")


class OllamaServer(pulumi.ComponentResource):
    """One Ollama endpoint. With `url` it has no children and only says where the server is."""

    endpoint: pulumi.Output[str]
    """URL for clients."""
    service: str | None
    """Name of the Service in the cluster."""
    namespace: str | None
    replicas: int
    stateful_set: k8s.apps.v1.StatefulSet | None
    ready: list[pulumi.Resource]
    """Once these are there, replicas can be given their models."""

    def __init__(self, name: str, args: OllamaServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        args.check()
        super().__init__("echorator:index:OllamaServer", name, {"url": args.url, "replicas": args.replicas}, opts)
        self.replicas = args.replicas
        self.service = None
        self.namespace = None
        self.stateful_set = None
        self.ready = []
        url = args.url
        if args.cluster is not None and args.size is not None:
            self.service = args.name
            self.namespace = args.cluster.namespace
            self._deploy(name, args, args.cluster, args.size)
            url = f"http://{args.name}.{self.namespace}.svc.cluster.local:{objects.PORT}"
        self.endpoint = pulumi.Output.from_input(url or "")
        self.register_outputs(
            {
                "endpoint": self.endpoint,
                "namespace": self.namespace,
                "replicas": self.replicas,
                "service": self.service,
            }
        )

    def _deploy(self, name: str, args: OllamaServerArgs, cluster: Cluster, size: Size) -> None:
        selector = objects.selector(args.name)
        inside = pulumi.ResourceOptions(parent=self, provider=cluster.provider)

        def metadata(called: str, annotations: Mapping[str, str] | None = None) -> Any:  # noqa: ANN401
            found = {"name": called, "namespace": cluster.namespace, "labels": objects.object_labels(args.name)}
            return {**found, "annotations": annotations} if annotations else found

        policy = k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=metadata(args.name),
            spec=wire(
                objects.network_policy(
                    server=args.name,
                    prefix=cluster.prefix,
                    store=args.store,
                    api_server_cidrs=args.api_server_cidrs,
                )
            ),
            opts=inside,
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-budget",
            metadata=metadata(args.name),
            spec=wire(workload.disruption_budget(selector)),
            opts=inside,
        )
        k8s.core.v1.Service(
            f"{name}-pods-service",
            metadata=metadata(f"{args.name}-pods"),
            spec=wire(workload.headless_service(selector, objects.PORT)),
            opts=inside,
        )
        self.stateful_set = k8s.apps.v1.StatefulSet(
            f"{name}-pods",
            metadata=metadata(args.name),
            spec=wire(
                objects.stateful_set(
                    server=args.name,
                    replicas=args.replicas,
                    size=size,
                    image=image("ollama", args.image_digests),
                    account="model-runtime",
                    priority=cluster.priority_class("models"),
                    storage_class=args.storage_class,
                )
            ),
            opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[policy])),
        )
        service = k8s.core.v1.Service(
            f"{name}-service",
            # With no replica there is no endpoint, and Pulumi would wait ten minutes for one.
            metadata=metadata(args.name, {} if args.replicas else {"pulumi.com/skipAwait": "true"}),
            spec=wire(workload.service(selector, objects.PORT)),
            opts=inside,
        )
        self.ready = [self.stateful_set, service]
