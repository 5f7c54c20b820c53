"""OllamaModel: a model that is on every replica of a server once the deploy ends."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi.dynamic import Resource

from components.cluster import Cluster
from components.ollama_model_provider import OllamaModelProvider
from components.ollama_server import OllamaServer
from components.ollama_server_objects import PORT
from components.registries import is_loopback, through_store
from ollama.names import ModelName


@dataclass(frozen=True, kw_only=True)
class OllamaModelArgs:
    """What an OllamaModel is made of."""

    server: OllamaServer
    url: str | None = None
    """Of a server outside the cluster; None reaches the replicas through the API server."""
    cluster: Cluster | None = None
    through_store: bool = True
    """Replicas pull from the model store of the cluster."""
    name: str
    """What clients call it."""
    source: str | None = None
    """What is pulled; `name` where nothing is given."""
    digest: str | None = None
    """`sha256:<64 hex>` of the manifest; a replica that has it at another digest gets it anew."""

    def props(self) -> dict[str, pulumi.Input[object]]:
        """The properties that the dynamic provider works on."""
        source = ModelName.parse(self.source if self.source is not None else self.name)
        props: dict[str, pulumi.Input[object]] = {
            "name": ModelName.parse(self.name).short,
            "source": source.full,
            "pullFrom": source.full,
            # A registry on the replica's own machine needs no TLS, and rarely has it; containerd and docker hold it so.
            "insecure": is_loopback(source.host),
            "digest": self.digest,
        }
        if self.url is not None:
            return {**props, "kind": "url", "url": self.url}
        if self.cluster is None or self.server.stateful_set is None:
            raise pulumi.RunError(f"model `{self.name}`: needs either `url`, or `cluster` and a server that runs there")
        if self.through_store:
            # Plain HTTP inside the cluster; the digest, not the transport, proves what was pulled.
            props |= {"pullFrom": through_store(source, self.cluster.namespace), "insecure": True}
        return {
            **props,
            "kind": "pods",
            "context": self.cluster.context,
            "namespace": self.cluster.namespace,
            "statefulSet": self.server.service,
            "port": PORT,
            "replicaCount": self.server.replicas,
            # Another StatefulSet of the same name has empty volumes: then every replica is looked at again.
            "serverUid": self.server.stateful_set.metadata.apply(lambda found: found.uid),
        }


class OllamaModel(Resource, module="echorator", name="OllamaModel"):
    """One model on all replicas. Fails, with replica and cause named, when one of them cannot have it."""

    replicas: pulumi.Output[Mapping[str, str]]
    """Replica to the digest it has."""

    def __init__(self, name: str, args: OllamaModelArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        own = pulumi.ResourceOptions(parent=args.server)
        if args.server.stateful_set is not None:
            # Its volumes go with the StatefulSet, so `destroy` need not take each model off each replica first.
            own.depends_on = args.server.ready
            own.deleted_with = args.server.stateful_set
        super().__init__(
            OllamaModelProvider(), name, {**args.props(), "replicas": None}, pulumi.ResourceOptions.merge(own, opts)
        )
