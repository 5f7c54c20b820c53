"""How large a replica is: the classes of the mission, or numbers of one's own."""

from dataclasses import dataclass, replace
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from components.cluster_baseline import Demand
from components.quantity import parse_bytes, parse_cpu
from components.settings.server import ServerSettings

GPU_RESOURCE = "nvidia.com/gpu"


@dataclass(frozen=True, kw_only=True)
class Size:
    """What one replica asks for, what it gets at most, and its volume: Kubernetes quantities."""

    cpu: str
    cpu_limit: str
    memory: str
    memory_limit: str
    storage: str
    gpus: int = 0

    def resources(self, gpu_resource: str | None = GPU_RESOURCE) -> dict[str, Any]:
        """As a container's `resources`.

        Args:
            gpu_resource: what a GPU is counted as; None where the pod claims it in another way.
        """
        limits = {"cpu": self.cpu_limit, "memory": self.memory_limit}
        if self.gpus and gpu_resource is not None:
            # Kubernetes takes the request from the limit; devices cannot be overcommitted.
            limits[gpu_resource] = str(self.gpus)
        return {"requests": {"cpu": self.cpu, "memory": self.memory}, "limits": limits}

    def demand(self, replicas: int) -> Demand:
        """Of `replicas` of this size."""
        return Demand(
            pods=replicas,
            cpu=parse_cpu(self.cpu) * replicas,
            memory=parse_bytes(self.memory) * replicas,
            memory_limit=parse_bytes(self.memory_limit) * replicas,
            # No quantity of a volume may be zero; here it says that there is none.
            storage=Fraction(0) if self.storage == "0" else parse_bytes(self.storage) * replicas,
        )


AGENT = Size(cpu="25m", cpu_limit="1", memory="64Mi", memory_limit="256Mi", storage="0")
"""The sidecar of each replica: it passes requests on and, while models come, reads progress."""

CLASSES = MappingProxyType(
    {
        # Models of 1 to 7 billion parameters; runs without a GPU.
        "small": Size(cpu="2", cpu_limit="4", memory="8Gi", memory_limit="16Gi", storage="20Gi"),
        # 7 to 13 billion.
        "medium": Size(cpu="4", cpu_limit="8", memory="16Gi", memory_limit="32Gi", storage="40Gi", gpus=1),
        # 13 billion and more. The mission says 40 GB and up: two models of 70 billion at 4 bits fill 80 GB.
        "large": Size(cpu="8", cpu_limit="16", memory="32Gi", memory_limit="64Gi", storage="80Gi", gpus=1),
        # The cognitive layer, and small models beside it, such as those that make vectors.
        "echo": Size(cpu="1", cpu_limit="2", memory="2Gi", memory_limit="8Gi", storage="10Gi"),
    }
)
"""Lower and upper bound of the mission's table are request and limit."""


def size_of(server: ServerSettings) -> Size:
    """The size of a server in the cluster (one without `url`)."""
    if server.resource_class is not None:
        chosen = CLASSES[server.resource_class]
    elif server.resources is not None and server.storage is not None:
        requests, limits = server.resources.requests, server.resources.limits
        chosen = Size(
            cpu=requests.cpu,
            cpu_limit=limits.cpu,
            memory=requests.memory,
            memory_limit=limits.memory,
            storage=server.storage,
        )
    else:
        raise ValueError(f"server `{server.name}` has no size; its settings were never checked")
    if server.gpus is not None:
        chosen = replace(chosen, gpus=server.gpus)
    return chosen if server.storage is None else replace(chosen, storage=server.storage)


def demand_of(server: ServerSettings) -> Demand:
    """What a server in the cluster asks of the namespace: replicas, their agents, volumes, ports of services."""
    size = size_of(server)
    shared = server.volume.mode == "shared"
    pods = server.most_replicas + (1 if shared else 0)
    volumes = 1 if shared else server.most_replicas
    # A claim of one's own is one's own business.
    volumes = 0 if server.volume.claim is not None else volumes
    opened = server.expose.type != "ClusterIP"
    return Demand(
        pods=pods,
        cpu=(parse_cpu(size.cpu) + parse_cpu(AGENT.cpu)) * pods,
        memory=(parse_bytes(size.memory) + parse_bytes(AGENT.memory)) * pods,
        memory_limit=(parse_bytes(size.memory_limit) + parse_bytes(AGENT.memory_limit)) * pods,
        storage=parse_bytes(size.storage) * volumes,
        node_ports=1 if opened else 0,
        load_balancers=1 if server.expose.type == "LoadBalancer" else 0,
    )
