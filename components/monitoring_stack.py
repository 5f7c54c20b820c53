"""MonitoringStack: Prometheus, Alertmanager and their operator, or monitors and rules for those that run already."""

from collections.abc import Mapping, Sequence
from typing import Self

import pulumi
import pulumi_kubernetes as k8s

from components.echo_memory_store import EchoMemoryStore
from components.fleet import Place
from components.monitoring import names, network, scrape, tls
from components.monitoring.dashboards import BOARDS, config_map
from components.monitoring.register.brought import Brought
from components.monitoring.register.parts import MonitoringStackArgs, Parts, WatchedMemory
from components.monitoring.rules import certificate_facts, rule_groups
from components.settings.monitoring import MonitoringSettings
from components.settings.stack import Settings
from components.workload import wire
from fit.accelerators import ACCELERATORS

__all__ = ["MonitoringStack", "MonitoringStackArgs", "WatchedMemory"]


class MonitoringStack(pulumi.ComponentResource):
    """Sees everything that the stack runs, and says when something is wrong.

    With `mode: bring` it has a namespace of its own, where its operator works and nothing else runs. With `existing`
    only monitors, rules and openings for the Prometheus that is there are made, in the namespace for models.
    """

    namespace: str
    """Where monitors, rules and, with `bring`, Prometheus are."""
    prometheus: str | None
    """URL inside the cluster; None with `existing`."""
    outputs: Mapping[str, str | None]

    def __init__(self, name: str, args: MonitoringStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("echorator:index:MonitoringStack", name, {"mode": args.settings.mode}, opts)
        prefix = args.cluster.prefix
        by_tls = args.metrics is not None
        watched = None if args.memory is None else args.memory.store
        monitors = scrape.stack(prefix, store=args.store, echo=args.echo, memory=watched, tls=by_tls)
        bring = args.settings.mode == "bring"
        self.namespace = names.namespace_of(prefix) if bring else args.cluster.namespace
        outer = pulumi.ResourceOptions(parent=self, provider=args.cluster.provider)
        parts = Parts(name, args, self.namespace, outer)
        own: list[scrape.Monitor] = []
        ready: list[pulumi.Resource] = []
        brought = Brought(name, args, parts, monitors) if bring else None
        if brought is not None:
            own = scrape.own(prefix, args.settings, tls=by_tls)
            ready = brought.make([*monitors, *own])
        _openings(name, args, monitors, outer)
        # Without its ConfigMap the operator leaves a monitor out.
        trusted = [*ready[:1], *(_authority(name, parts, called, pem) for called, pem in _trusted(args))]
        for one in [*monitors, *own]:
            parts.custom("PodMonitor", one.name, one.spec(), after=trusted)
        there = {
            "store": args.store,
            "echo": args.echo,
            "memory": watched is not None,
            "mind": args.echo and watched is not None,
            "backups": args.backups,
        }
        groups = rule_groups(args.settings, args.replicas, there)
        parts.custom("PrometheusRule", "echorator", {"groups": groups}, after=ready[:1])
        ends = _ends(args)
        if ends:
            # An object of its own: it is not known before they are made, and a preview is to show the others.
            facts = pulumi.Output.all(**ends).apply(lambda found: {"groups": [certificate_facts(found)]})
            parts.custom("PrometheusRule", "certificates", facts, after=ready[:1])
        boards = _dashboards(name, parts) if args.settings.dashboards else []
        if brought is not None:
            # It waits for what it mounts.
            brought.shown.make([*boards, *trusted])
        port = names.PROMETHEUS_PORT
        scheme = "https" if by_tls else "http"
        host = f"prometheus-operated.{self.namespace}.svc.cluster.local"
        self.prometheus = f"{scheme}://{host}:{port}" if bring else None
        self.outputs = {"namespace": self.namespace, "prometheus": self.prometheus}
        self.register_outputs(dict(self.outputs))

    @classmethod
    def of(
        cls,
        config: Settings,
        place: Place,
        *,
        after: Sequence[pulumi.Resource] = (),
        memory: EchoMemoryStore | None = None,
        parent: pulumi.Resource | None = None,
        prefix: str = "",
    ) -> Self:
        """The stack that a configuration asks for, on its primary cluster.

        Args:
            config: of the whole stack.
            place: the primary cluster.
            after: what is watched in namespaces of its own.
            memory: the stack's; None where there is none.
            parent: of what is registered.
            prefix: begins the Pulumi names.
        """
        primary = config.all_clusters[0]
        here = [one for one in config.servers if one.url is None and config.cluster_of(one).name == primary.name]
        args = MonitoringStackArgs(
            cluster=place.cluster,
            settings=_settings(config),
            replicas={server.name: server.replicas for server in here},
            store=config.model_store.enabled,
            echo=config.echo.enabled,
            memory=_watched(config, memory),
            metrics=place.metrics,
            backups=config.memory.enabled and config.memory.backups.enabled,
            gpu_pools=[
                one
                for one in config.gpu_pools
                if config.cluster_of(one).name == primary.name and ACCELERATORS[one.accelerator].vendor == "nvidia"
            ],
            models={server.name: [model.name for model in server.models] for server in here},
            storage_class=place.cluster.storage_class,
            api_server_cidrs=primary.api_server_cidrs,
            image_digests=config.image_digests,
        )
        return cls(
            f"{prefix}monitoring", args, pulumi.ResourceOptions(parent=parent, depends_on=[place.cluster, *after])
        )


def _watched(config: Settings, memory: EchoMemoryStore | None) -> WatchedMemory | None:
    if memory is None:
        return None
    return WatchedMemory(store=config.memory.name, authority=memory.authority, ends=memory.certificates_end)


def _settings(config: Settings) -> MonitoringSettings:
    """What is asked for, knowing of the model that the echo service remembers by that it only embeds."""
    if config.echo.memory is None:
        return config.monitoring
    probes = config.monitoring.probes
    embedding = (*probes.embedding, config.echo.memory.embedder.model)
    return config.monitoring.model_copy(update={"probes": probes.model_copy(update={"embedding": embedding})})


def _openings(
    name: str, args: MonitoringStackArgs, monitors: Sequence[scrape.Monitor], outer: pulumi.ResourceOptions
) -> None:
    settings, prefix = args.settings, args.cluster.prefix
    peer = names.scraper(prefix)
    if settings.mode == "existing":
        space = {"kubernetes.io/metadata.name": settings.scraper_namespace or ""}
        peer = {
            "namespaceSelector": {"matchLabels": space},
            "podSelector": {"matchLabels": settings.scraper_labels},
        }
    for one in monitors:
        k8s.networking.v1.NetworkPolicy(
            f"{name}-scrape-{one.name}",
            metadata={
                "name": f"scrape-{one.name}",
                "namespace": one.namespace,
                "labels": names.object_labels("scrape", prefix),
            },
            spec=wire(network.scraped(one.selected, peer, one.port_number)),
            opts=outer,
        )


def _trusted(args: MonitoringStackArgs) -> list[tuple[str, pulumi.Input[str]]]:
    """ConfigMap to the authority in it, as PEM."""
    found = [] if args.memory is None else [(scrape.MEMORY_AUTHORITY, args.memory.authority)]
    return found if args.metrics is None else [*found, (tls.AUTHORITY, args.metrics.certificates.trust)]


def _ends(args: MonitoringStackArgs) -> dict[str, pulumi.Input[int]]:
    """Whose certificates end when."""
    found = {} if args.memory is None else {"memory": args.memory.ends}
    return found if args.metrics is None else {**found, "metrics": args.metrics.certificates.ends}


def _authority(name: str, parts: Parts, called: str, pem: pulumi.Input[str]) -> pulumi.Resource:
    return k8s.core.v1.ConfigMap(
        f"{name}-{called}",
        metadata=parts.metadata(called, names.PROMETHEUS),
        data={scrape.AUTHORITY_KEY: pem},
        opts=parts.inside,
    )


def _dashboards(name: str, parts: Parts) -> list[pulumi.Resource]:
    made: list[pulumi.Resource] = []
    for board in BOARDS:
        metadata = parts.metadata(config_map(board), "dashboards")
        metadata["labels"] = {**metadata["labels"], "grafana_dashboard": "1"}
        one = k8s.core.v1.ConfigMap(
            f"{name}-dashboard-{board.name}",
            metadata=metadata,
            data={f"{board.name}.json": board.text()},
            opts=parts.inside,
        )
        made.append(one)
    return made
