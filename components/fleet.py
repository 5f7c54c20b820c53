"""The stack's clusters, each with its model store, and which of them a server runs on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components import (
    cpu_node_pool,
    echo_service_objects,
    fit_check,
    gpu_node_pool,
    model_store_objects,
    placement,
    sizes,
    wanted_models,
)
from components import ollama_server_objects as objects
from components.cluster import Cluster, ClusterArgs, LostCluster
from components.cluster_api_cluster import ManagedCluster, ManagedClusterArgs
from components.gpu_pools import Placement
from components.metrics_tls import MetricsTls
from components.model_store import ModelStore, ModelStoreArgs
from components.settings.cluster import SHORT_NAME, ListedClusterSettings
from components.settings.server import ServerSettings
from components.settings.stack import Settings


@dataclass(frozen=True)
class Place:
    """One cluster that servers can run on."""

    settings: ListedClusterSettings
    cluster: Cluster
    store: ModelStore | None
    pools: Sequence[pulumi.Resource] = ()
    """Of nodes, with GPUs and without."""
    metrics: MetricsTls | None = None
    """None where what is scraped tells without TLS, or nobody scrapes it."""

    @property
    def metrics_secrets(self) -> Sequence[pulumi.Resource]:
        """What pods that tell metrics by TLS mount; none where they do not."""
        return [] if self.metrics is None else self.metrics.mounted

    @property
    def store_selector(self) -> dict[str, str] | None:
        """Of the model store's pods."""
        return None if self.store is None else model_store_objects.selector(self.cluster.prefix)

    @property
    def store_namespace(self) -> str | None:
        """Where replicas find the model store; None where they pull from the registries themselves."""
        return None if self.store is None else self.cluster.namespace


@dataclass(frozen=True)
class Fleet:
    """Every cluster of a stack that can be reached."""

    places: Mapping[str, Place]
    primary: Place | None
    """None while Cluster API is still making it; then no server runs there."""
    placements: Mapping[str, Placement]
    """Server to how its pods are placed."""

    @classmethod
    def of(cls, config: Settings, *, parent: pulumi.Resource | None = None, prefix: str = "") -> "Fleet":
        """Registers each cluster and its store.

        Args:
            config: of the whole stack.
            parent: of what is registered.
            prefix: begins the Pulumi names.

        Raises:
            pulumi.RunError: the stack must not touch one of them.
        """
        for note in fit_check.notes(config):
            pulumi.log.info(note)
        found: dict[str, Place] = {}
        under = pulumi.ResourceOptions(parent=parent)

        def named(resource: str, cluster: ListedClusterSettings) -> str:
            return f"{prefix}{name_of(resource, cluster)}"

        for one in config.all_clusters:
            made: list[pulumi.Resource] = []
            if one.cluster_api is not None:
                managed = ManagedClusterArgs(
                    environment=config.environment, prefix=config.namespace, cluster=one.name, settings=one.cluster_api
                )
                made.append(ManagedCluster(named("managed", one), managed, under))
            if one.reachable:
                after = pulumi.ResourceOptions.merge(under, pulumi.ResourceOptions(depends_on=made))
                cluster = _cluster(config, one, named("cluster", one), after)
                pools = [
                    *gpu_node_pool.register(config, one.name, cluster, prefix=prefix, parent=parent),
                    *cpu_node_pool.register(config, one.name, cluster, prefix=prefix, parent=parent),
                ]
                # Prometheus scrapes the primary cluster alone.
                primary = one.name == config.all_clusters[0].name
                metrics = MetricsTls.of(config, cluster, parent=parent, prefix=prefix) if primary else None
                told = pulumi.ResourceOptions.merge(
                    under, pulumi.ResourceOptions(depends_on=[] if metrics is None else [*metrics.mounted])
                )
                store = _store(config, one, cluster, named("store", one), told, metrics_tls=metrics is not None)
                found[one.name] = Place(one, cluster, store, pools, metrics)
            elif one.lost and one.context is not None:
                LostCluster(named("cluster", one), one.context, under)
        return cls(found, found.get(config.all_clusters[0].name), placement.placements(config))

    def place_of(self, server: ServerSettings) -> Place:
        """Where a server that is made here runs."""
        place = self.primary if server.cluster is None else self.places.get(server.cluster)
        if place is None:
            raise ValueError(f"server `{server.name}` has no cluster; its settings were never checked")
        return place

    def summary(self) -> Mapping[str, Mapping[str, str]]:
        """Name of each cluster to its role and context."""
        return {
            name: {"role": place.settings.role, "context": place.cluster.context} for name, place in self.places.items()
        }


def name_of(resource: str, cluster: ListedClusterSettings) -> str:
    """The Pulumi name of what each cluster has.

    It depends on the cluster's name alone: whoever swaps the roles keeps what both clusters have, and a stack that had
    one cluster keeps it when its name in the list is the short form's.
    """
    return resource if cluster.name == SHORT_NAME else f"{resource}-{cluster.name}"


def servers_on(config: Settings, cluster: ListedClusterSettings) -> Sequence[ServerSettings]:
    """The servers that are made on one cluster."""
    return [one for one in config.servers if one.url is None and config.cluster_of(one).name == cluster.name]


def _cluster(config: Settings, settings: ListedClusterSettings, name: str, opts: pulumi.ResourceOptions) -> Cluster:
    demands = [sizes.demand_of(server) for server in servers_on(config, settings)]
    if config.model_store.enabled:
        demands.append(model_store_objects.size(config.model_store.storage).demand(1))
    if settings.name == config.all_clusters[0].name:
        demands += echo_service_objects.demands(config.echo)
    return Cluster(
        name,
        ClusterArgs(
            environment=config.environment,
            prefix=config.namespace,
            context=settings.context,
            api_server=settings.api_server,
            demands=demands,
            storage_class=settings.storage_class,
            storage=settings.storage,
            secrets_at_rest=settings.secrets_at_rest,
        ),
        opts,
    )


def _store(
    config: Settings,
    settings: ListedClusterSettings,
    cluster: Cluster,
    name: str,
    opts: pulumi.ResourceOptions,
    *,
    metrics_tls: bool,
) -> ModelStore | None:
    if not config.model_store.enabled:
        return None
    return ModelStore(
        name,
        ModelStoreArgs(
            cluster=cluster,
            storage=config.model_store.storage,
            storage_class=cluster.storage_class,
            upstreams=config.model_store.upstreams,
            uploads=config.model_store.uploads,
            collect=config.model_store.collect,
            # Of all servers, also those elsewhere: what a store has must still be there when they come over.
            wanted=wanted_models.store_wanted(config.servers),
            clients=[objects.pullers(one.name, one.volume) for one in servers_on(config, settings)],
            affinity=placement.preferences(None, among=placement.cpu_nodes(config, settings.name)),
            image_digests=config.image_digests,
            metrics_tls=metrics_tls,
        ),
        pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[cluster])),
    )
