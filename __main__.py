"""The Pulumi program: settings, then components, then what the stack exports."""

import pulumi

from components import model_store_objects, ollama_server_objects, settings, sizes
from components.cluster import Cluster, ClusterArgs
from components.model_store import ModelStore, ModelStoreArgs
from components.ollama_model import OllamaModel, OllamaModelArgs
from components.ollama_server import OllamaServer, OllamaServerArgs
from ollama.names import ModelName

config = settings.load()
hosted = {server.name: sizes.size_of(server) for server in config.servers if server.url is None}
demands = [hosted[server.name].demand(server.replicas) for server in config.servers if server.name in hosted]
if config.model_store.enabled:
    demands.append(model_store_objects.size(config.model_store.storage).demand(1))

cluster = Cluster(
    "cluster",
    ClusterArgs(
        environment=config.environment,
        prefix=config.namespace,
        context=config.cluster.context,
        demands=demands,
    ),
)

store: ModelStore | None = None
if config.model_store.enabled:
    store = ModelStore(
        "store",
        ModelStoreArgs(
            cluster=cluster,
            storage=config.model_store.storage,
            storage_class=config.cluster.storage_class,
            upstreams=config.model_store.upstreams,
            clients=[ollama_server_objects.selector(name) for name in hosted],
            image_digests=config.image_digests,
        ),
        pulumi.ResourceOptions(depends_on=[cluster]),
    )

for wanted in config.servers:
    inside = wanted.name in hosted
    server = OllamaServer(
        wanted.name,
        OllamaServerArgs(
            name=wanted.name,
            url=wanted.url,
            cluster=cluster if inside else None,
            replicas=wanted.replicas,
            size=hosted.get(wanted.name),
            storage_class=config.cluster.storage_class,
            store=None if store is None else model_store_objects.selector(cluster.prefix),
            api_server_cidrs=config.cluster.api_server_cidrs,
            image_digests=config.image_digests,
        ),
        pulumi.ResourceOptions(depends_on=[cluster] if inside else []),
    )
    pulumi.export(f"{wanted.name}-endpoint", server.endpoint)
    models = {
        model.name: OllamaModel(
            f"{wanted.name}-{ModelName.parse(model.name).short}",
            OllamaModelArgs(
                server=server,
                url=wanted.url,
                cluster=cluster if inside else None,
                through_store=store is not None,
                name=model.name,
                source=model.source,
                digest=model.digest,
            ),
            pulumi.ResourceOptions(depends_on=store.ready if store is not None and inside else []),
        )
        for model in wanted.models
    }
    pulumi.export(f"{wanted.name}-models", {name: model.replicas for name, model in models.items()})
pulumi.export("namespace", cluster.namespace)
