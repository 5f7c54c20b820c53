"""The Pulumi program: settings, then components, then what the stack exports."""

import pulumi

from components import gpu_node_pool, model_store_objects, settings, sizes, wanted_models
from components import ollama_server_objects as objects
from components.cluster import Cluster, ClusterArgs
from components.model_store import ModelStore, ModelStoreArgs
from components.ollama_model import bring
from components.ollama_server import OllamaServer, OllamaServerArgs
from components.placement import placements

config = settings.load()
hosted = {server.name: sizes.size_of(server) for server in config.servers if server.url is None}
demands = [sizes.demand_of(server) for server in config.servers if server.name in hosted]
if config.model_store.enabled:
    demands.append(model_store_objects.size(config.model_store.storage).demand(1))

cluster = Cluster(
    "cluster",
    ClusterArgs(
        environment=config.environment,
        prefix=config.namespace,
        context=config.cluster.context,
        api_server=config.cluster.api_server,
        demands=demands,
    ),
)

pools, placed = gpu_node_pool.register(config, cluster), placements(config)

store: ModelStore | None = None
if config.model_store.enabled:
    store = ModelStore(
        "store",
        ModelStoreArgs(
            cluster=cluster,
            storage=config.model_store.storage,
            storage_class=config.cluster.storage_class,
            upstreams=config.model_store.upstreams,
            uploads=config.model_store.uploads,
            collect=config.model_store.collect,
            wanted=wanted_models.store_wanted(config.servers),
            clients=[objects.pullers(one.name, one.volume) for one in config.servers if one.name in hosted],
            image_digests=config.image_digests,
        ),
        pulumi.ResourceOptions(depends_on=[cluster]),
    )

for wanted in config.servers:
    inside = wanted.name in hosted
    through = cluster.namespace if store is not None and inside else None
    document = wanted_models.wanted(wanted, store_namespace=through)
    server = OllamaServer(
        wanted.name,
        OllamaServerArgs.of(
            wanted,
            cluster=cluster if inside else None,
            size=hosted.get(wanted.name),
            wanted=document,
            storage_class=config.cluster.storage_class,
            store=None if store is None else model_store_objects.selector(cluster.prefix),
            api_server=cluster.api_server,
            api_server_cidrs=config.cluster.api_server_cidrs,
            image_digests=config.image_digests,
            placement=placed[wanted.name],
        ),
        pulumi.ResourceOptions(depends_on=[cluster, *pools] if inside else []),
    )
    pulumi.export(f"{wanted.name}-endpoint", server.endpoint)
    if server.outside is not None:
        pulumi.export(f"{wanted.name}-outside", server.outside)
    models = bring(
        document, server, wanted, cluster if inside else None, after=store.ready if store is not None else []
    )
    pulumi.export(f"{wanted.name}-models", {name: model.replicas for name, model in models.items()})
pulumi.export("namespace", cluster.namespace)
