"""OllamaServer: replicas of Ollama behind one service, or a server elsewhere that already runs."""

import pulumi
import pulumi_kubernetes as k8s

from components import ollama_expose
from components.ollama_server_args import OllamaServerArgs
from components.ollama_server_deployment import Deployment
from components.volume_growth import VolumeGrowth

__all__ = ["OllamaServer", "OllamaServerArgs"]


class OllamaServer(pulumi.ComponentResource):
    """One Ollama endpoint. With `url` it has no children and only says where the server is."""

    endpoint: pulumi.Output[str]
    """URL for clients: in the cluster, or the given one."""
    outside: str | None
    """URL for clients outside the cluster, where an Ingress or a Gateway gives one."""
    service: str | None
    """Name of the Service in the cluster, and of the StatefulSet."""
    namespace: str | None
    replicas: int
    writer: bool
    """Whether a further pod, `<service>-writer-0`, fills the volume that the replicas read."""
    stateful_set: k8s.apps.v1.StatefulSet | None
    volume_growth: VolumeGrowth | None
    """None where the replicas have no volumes of their own."""
    ready: list[pulumi.Resource]
    """Once these are there, the agents bring the models."""

    def __init__(self, name: str, args: OllamaServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        args.check()
        super().__init__("echorator:index:OllamaServer", name, {"url": args.url, "replicas": args.replicas}, opts)
        self.replicas = args.replicas
        self.service = None
        self.namespace = None
        self.outside = None
        self.stateful_set = None
        self.volume_growth = None
        self.writer = args.url is None and args.volume.mode == "shared"
        self.ready = []
        url = args.url
        if args.cluster is not None and args.size is not None:
            self.service = args.name
            self.namespace = args.cluster.namespace
            self.outside = ollama_expose.outside(args.expose)
            url = ollama_expose.inside(args.name, self.namespace)
            deployment = Deployment(self, name, args, args.cluster, args.size)
            self.stateful_set = deployment.replicas()
            deployment.autoscale(self.stateful_set)
            self.volume_growth = deployment.growth(self.stateful_set)
            grown = [] if self.volume_growth is None else [self.volume_growth]
            self.ready = [self.stateful_set, *deployment.expose(), *grown, *deployment.writers]
        self.endpoint = pulumi.Output.from_input(url or "")
        self.register_outputs(
            {
                "endpoint": self.endpoint,
                "namespace": self.namespace,
                "outside": self.outside,
                "replicas": self.replicas,
                "service": self.service,
            }
        )
