"""EchoService: the engine in front of the Ollama servers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components import echo_service_objects as objects
from components import workload
from components.cluster import Cluster
from components.settings.echo import EchoSettings
from components.settings.server import ServerSettings
from components.settings.stack import Settings
from components.versions import image
from components.workload import wire
from echo.ports import MAIN_PORT, OLLAMA_PORT

_KEY_LENGTH = 48
"""Letters and digits: 285 bits."""


@dataclass(frozen=True, kw_only=True)
class EchoServiceArgs:
    """What an EchoService is made of."""

    cluster: Cluster
    settings: EchoSettings
    servers: Sequence[ServerSettings]
    """Whom it stands in front of; those outside of the cluster too."""
    api_server_cidrs: Sequence[str] = ()
    image_digests: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics_tls: bool = False
    """It tells its metrics by TLS; `components.metrics_tls` makes the Secret that it mounts."""

    @classmethod
    def of(cls, settings: Settings, cluster: Cluster) -> Self:
        """From a stack's checked settings."""
        return cls(
            cluster=cluster,
            settings=settings.echo,
            servers=[one for one in settings.servers if one.url is not None or settings.on_primary(one)],
            api_server_cidrs=settings.all_clusters[0].api_server_cidrs,
            image_digests=settings.image_digests,
            metrics_tls=settings.metrics_tls,
        )


class EchoService(pulumi.ComponentResource):
    """Replicas without state, one Service, and a key for each who may ask."""

    endpoint: pulumi.Output[str]
    """URL of the whole API, for pods with the label `echorator.dev/echo-client`."""
    ollama_endpoint: pulumi.Output[str]
    """URL of Ollama's API."""
    keys: pulumi.Output[dict[str, str]]
    """Name to the key that was made for it; a secret."""

    def __init__(self, name: str, args: EchoServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("echorator:index:EchoService", name, {"replicas": args.settings.replicas}, opts)
        self._name = name
        self._cluster = cluster = args.cluster
        self._inside = pulumi.ResourceOptions(parent=self, provider=cluster.provider)
        settings, selector = args.settings, objects.selector(cluster.prefix)
        self.keys = self._made(settings)
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(objects.NAME),
            automount_service_account_token=False,
            opts=self._inside,
        )
        config = k8s.core.v1.ConfigMap(
            f"{name}-config",
            # Its name stays, so that a change reaches the running pods, which go on.
            metadata=self._metadata(objects.NAME),
            data={
                "config.json": objects.config(settings, args.servers, cluster.namespace, metrics_tls=args.metrics_tls)
            },
            opts=self._inside,
        )
        secret = k8s.core.v1.Secret(
            f"{name}-keys",
            metadata=self._metadata(objects.KEYS_SECRET),
            string_data={"keys.json": self.keys.apply(lambda made: objects.keys_file(settings, made))},
            opts=self._inside,
        )
        policy = k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=self._metadata(objects.NAME),
            spec={
                "pod_selector": {"match_labels": selector},
                "policy_types": ["Ingress", "Egress"],
                "ingress": wire(objects.ingress_rules(cluster.prefix, args.api_server_cidrs)),
                "egress": wire(objects.egress_rules(settings, args.servers)),
            },
            opts=self._inside,
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-budget",
            metadata=self._metadata(objects.NAME),
            spec=wire(workload.disruption_budget(selector)),
            opts=self._inside,
        )
        pods = k8s.apps.v1.Deployment(
            f"{name}-pods",
            # Somebody who ran `kubectl scale` owns `replicas` from then on, and the settings would be refused there.
            metadata=self._metadata(objects.NAME, {"pulumi.com/patchForce": "true"}),
            spec=wire(
                objects.deployment(
                    prefix=cluster.prefix,
                    settings=settings,
                    image=image("echo", args.image_digests),
                    priority=cluster.priority_class("store"),
                    metrics_tls=args.metrics_tls,
                )
            ),
            opts=self._after([account, config, secret, policy]),
        )
        service = k8s.core.v1.Service(
            f"{name}-service",
            metadata=self._metadata(objects.NAME),
            spec=wire(objects.service(cluster.prefix)),
            opts=self._inside,
        )
        host = f"{objects.NAME}.{cluster.namespace}.svc.cluster.local"
        # Known once both are there: whoever reads it can ask.
        there = pulumi.Output.all(pods.id, service.id)
        self.endpoint = there.apply(lambda _: f"http://{host}:{MAIN_PORT}")
        self.ollama_endpoint = there.apply(lambda _: f"http://{host}:{OLLAMA_PORT}")
        self.register_outputs({"endpoint": self.endpoint, "ollamaEndpoint": self.ollama_endpoint, "keys": self.keys})

    def _made(self, settings: EchoSettings) -> pulumi.Output[dict[str, str]]:
        made = {
            key.name: random.RandomPassword(
                f"{self._name}-key-{key.name}",
                length=_KEY_LENGTH,
                special=False,
                opts=pulumi.ResourceOptions(parent=self),
            ).result.apply(lambda found: f"ek-{found}")
            for key in settings.keys
            if key.public_key is None
        }
        return pulumi.Output.secret(pulumi.Output.all(**made))

    def _after(self, resources: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(depends_on=list(resources)))

    def _metadata(self, name: str, annotations: dict[str, str] | None = None) -> Any:  # noqa: ANN401
        found = {
            "name": name,
            "namespace": self._cluster.namespace,
            "labels": objects.object_labels(self._cluster.prefix),
        }
        return found if annotations is None else {**found, "annotations": annotations}
