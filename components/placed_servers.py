"""The servers of a stack, each on its cluster, with its models."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components import echo_service_objects, sizes, wanted_models
from components.fleet import Fleet
from components.ollama_model import OllamaModel, bring
from components.ollama_server import OllamaServer, OllamaServerArgs
from components.settings.server import ServerSettings
from components.settings.stack import Settings


@dataclass(frozen=True)
class PlacedServer:
    """A server and its models, by name."""

    server: OllamaServer
    models: Mapping[str, OllamaModel]


def place_server(
    config: Settings, fleet: Fleet, wanted: ServerSettings, *, parent: pulumi.Resource | None = None, prefix: str = ""
) -> PlacedServer:
    """Registers one server and its models.

    Args:
        config: of the whole stack.
        fleet: its clusters.
        wanted: one of `config.servers`.
        parent: of the server.
        prefix: begins its Pulumi name; the cluster's objects are called the same without.
    """
    place = fleet.place_of(wanted) if wanted.url is None else None
    told: Sequence[pulumi.Resource] = () if place is None else place.metrics_secrets
    document = wanted_models.wanted(wanted, store_namespace=None if place is None else place.store_namespace)
    server = OllamaServer(
        f"{prefix}{wanted.name}",
        OllamaServerArgs.of(
            wanted,
            cluster=None if place is None else place.cluster,
            size=None if place is None else sizes.size_of(wanted),
            wanted=document,
            storage_class=None if place is None else place.cluster.storage_class,
            store=None if place is None else place.store_selector,
            api_server=() if place is None else place.cluster.api_server,
            api_server_cidrs=() if place is None else place.settings.api_server_cidrs,
            echo=echo_service_objects.asking(config.echo, config.namespace) if config.on_primary(wanted) else None,
            image_digests=config.image_digests,
            placement=fleet.placements[wanted.name],
            metrics_tls=bool(told),
        ),
        pulumi.ResourceOptions(parent=parent, depends_on=[] if place is None else [place.cluster, *place.pools, *told]),
    )
    after = [] if place is None or place.store is None else place.store.ready
    cluster = None if place is None else place.cluster
    return PlacedServer(server, bring(document, server, wanted, cluster, after=after, prefix=prefix))
