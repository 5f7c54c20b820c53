"""The Pulumi program: settings, then components, then what the stack exports."""

import pulumi

from components import settings, sizes, wanted_models
from components.fleet import Fleet
from components.monitoring_stack import MonitoringStack
from components.ollama_model import bring
from components.ollama_server import OllamaServer, OllamaServerArgs

config = settings.load()
fleet = Fleet.of(config)

for wanted in config.servers:
    place = fleet.place_of(wanted) if wanted.url is None else None
    store = None if place is None else place.store
    document = wanted_models.wanted(wanted, store_namespace=None if place is None else place.store_namespace)
    server = OllamaServer(
        wanted.name,
        OllamaServerArgs.of(
            wanted,
            cluster=None if place is None else place.cluster,
            size=None if place is None else sizes.size_of(wanted),
            wanted=document,
            storage_class=None if place is None else place.cluster.storage_class,
            store=None if place is None else place.store_selector,
            api_server=() if place is None else place.cluster.api_server,
            api_server_cidrs=() if place is None else place.settings.api_server_cidrs,
            image_digests=config.image_digests,
        ),
        pulumi.ResourceOptions(depends_on=[] if place is None else [place.cluster]),
    )
    pulumi.export(f"{wanted.name}-endpoint", server.endpoint)
    if server.outside is not None:
        pulumi.export(f"{wanted.name}-outside", server.outside)
    models = bring(
        document,
        server,
        wanted,
        None if place is None else place.cluster,
        after=store.ready if store is not None else [],
    )
    pulumi.export(f"{wanted.name}-models", {name: model.replicas for name, model in models.items()})
    pulumi.export(f"{wanted.name}-phases", {name: model.phase for name, model in models.items()})
pulumi.export("namespace", f"{config.namespace}-models")
if config.clusters:
    pulumi.export("clusters", fleet.summary())
if config.monitoring.enabled and fleet.primary is not None:
    pulumi.export("monitoring", MonitoringStack.of(config, fleet.primary.cluster).outputs)
