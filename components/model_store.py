"""ModelStore: the registry in the cluster that fetches each blob once and serves it to every replica."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components import model_store_objects as objects
from components import workload
from components.cluster import Cluster
from components.registries import STORE_PORT, STORE_SERVICE, UPLOAD_SECRET, alias_of
from components.settings.store import CollectSettings, UpstreamSettings
from components.versions import image
from components.wanted_models import Kept
from components.workload import wire


@dataclass(frozen=True, kw_only=True)
class ModelStoreArgs:
    """What a ModelStore is made of."""

    cluster: Cluster
    storage: str
    """Size of its volume, a quantity; blobs may fill nine tenths."""
    storage_class: str | None = None
    upstreams: Sequence[UpstreamSettings]
    """Registries it fetches from; the first is the one for names without a host."""
    clients: Sequence[dict[str, str]]
    """Selectors of the pods that may pull from it."""
    wanted: Sequence[Kept] | None = None
    """What the stack's servers want of it; None: it is not told, and throws nothing away."""
    collect: CollectSettings = field(default_factory=CollectSettings)
    uploads: bool = False
    """Let holders of a token, which is made, push models to the registry `registries.PUSHED_HOST`."""
    affinity: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Which nodes its pod prefers."""
    image_digests: Mapping[str, str] = field(default_factory=dict[str, str])
    metrics_tls: bool = False
    """It tells its metrics by TLS; `components.metrics_tls` makes the Secret that it mounts."""


class ModelStore(pulumi.ComponentResource):
    """One pod with one volume, and a Service for each registry that it stands for."""

    host: pulumi.Output[str]
    """`HOST:PORT` of the service for the first upstream."""
    ready: list[pulumi.Resource]
    """Once these are there, the store answers."""
    upload_secret: str | None
    """Name of the Secret with the token for pushing, key `token`; None where uploads are off."""

    def __init__(self, name: str, args: ModelStoreArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("echorator:index:ModelStore", name, {"storage": args.storage}, opts)
        self._cluster = args.cluster
        self._name = name
        self._inside = pulumi.ResourceOptions(parent=self, provider=args.cluster.provider)
        selector = objects.selector(args.cluster.prefix)
        account = k8s.core.v1.ServiceAccount(
            f"{name}-account",
            metadata=self._metadata(STORE_SERVICE),
            automount_service_account_token=False,
            opts=self._inside,
        )
        config = k8s.core.v1.ConfigMap(
            f"{name}-config",
            # No name: it gets one that changes with the content, and with it the pod.
            metadata=self._metadata(None),
            immutable=True,
            data={
                "config.json": objects.service_config(
                    args.storage,
                    args.upstreams,
                    collect=args.collect if args.wanted is not None else None,
                    uploads=args.uploads,
                    metrics_tls=args.metrics_tls,
                )
            },
            opts=self._inside,
        )
        mounted = [*self._wanted(args.wanted), *self._upload_token(uploads=args.uploads)]
        policy = k8s.networking.v1.NetworkPolicy(
            f"{name}-network",
            metadata=self._metadata(STORE_SERVICE),
            spec=wire(objects.network_policy(args.cluster.prefix, args.clients, args.upstreams)),
            opts=self._inside,
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-budget",
            metadata=self._metadata(STORE_SERVICE),
            spec=wire(workload.disruption_budget(selector)),
            opts=self._inside,
        )
        k8s.core.v1.Service(
            f"{name}-pods-service",
            metadata=self._metadata(f"{STORE_SERVICE}-pods"),
            spec=wire(workload.headless_service(selector, STORE_PORT)),
            opts=self._inside,
        )
        pods = k8s.apps.v1.StatefulSet(
            f"{name}-pods",
            # The API server fills in the claim templates, so a create that was killed before it could be recorded
            # would be a conflict for the next deploy, which makes the object again under another manager's name.
            metadata=self._metadata(STORE_SERVICE, {"pulumi.com/patchForce": "true"}),
            spec=wire(
                objects.stateful_set(
                    instance=args.cluster.prefix,
                    image=image("runtime", args.image_digests),
                    config_map=config.metadata.apply(lambda found: found.name),
                    account=STORE_SERVICE,
                    priority=args.cluster.priority_class("store"),
                    storage=args.storage,
                    storage_class=args.storage_class,
                    extras=objects.extras(
                        args.upstreams,
                        wanted=args.wanted is not None,
                        uploads=args.uploads,
                        metrics_tls=args.metrics_tls,
                    ),
                    affinity=args.affinity,
                )
            ),
            opts=pulumi.ResourceOptions.merge(
                self._inside, pulumi.ResourceOptions(depends_on=[account, policy, *mounted])
            ),
        )
        services = [
            k8s.core.v1.Service(
                f"{name}-{suffix}",
                metadata=self._metadata(called),
                spec=wire(workload.service(selector, STORE_PORT)),
                opts=self._inside,
            )
            for suffix, called in (
                ("service", STORE_SERVICE),
                *((f"service-{alias}", alias) for alias in objects.aliases(args.upstreams, uploads=args.uploads)),
            )
        ]
        self.ready = [pods, *services]
        self.upload_secret = UPLOAD_SECRET if args.uploads else None
        self.host = pulumi.Output.from_input(
            f"{alias_of(args.upstreams[0].host)}.{args.cluster.namespace}.svc.cluster.local:{STORE_PORT}"
        )
        self.register_outputs({"host": self.host})

    def _wanted(self, wanted: Sequence[Kept] | None) -> list[pulumi.Resource]:
        """The list of wanted models: its name stays, so that a change reaches the running pod, which goes on."""
        if wanted is None:
            return []
        config = k8s.core.v1.ConfigMap(
            f"{self._name}-wanted",
            metadata=self._metadata(objects.WANTED),
            data={objects.WANTED_KEY: objects.wanted_list(wanted)},
            opts=self._inside,
        )
        return [config]

    def _upload_token(self, *, uploads: bool) -> list[pulumi.Resource]:
        if not uploads:
            return []
        token = random.RandomPassword(
            f"{self._name}-upload-token", length=48, special=False, opts=pulumi.ResourceOptions(parent=self)
        )
        secret = k8s.core.v1.Secret(
            f"{self._name}-upload",
            metadata=self._metadata(UPLOAD_SECRET),
            string_data={"token": token.result},
            opts=self._inside,
        )
        return [secret]

    def _metadata(self, name: str | None, annotations: dict[str, str] | None = None) -> Any:  # noqa: ANN401
        named = {} if name is None else {"name": name}
        return {
            **named,
            **({} if annotations is None else {"annotations": annotations}),
            "namespace": self._cluster.namespace,
            "labels": objects.object_labels(self._cluster.prefix),
        }
