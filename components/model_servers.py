"""ModelServers: all that a stack of this project is, as one component for programs in other languages."""

from collections.abc import Mapping
from typing import Any, TypedDict, cast

import pulumi

from components import cluster_contexts, echo_memory_store
from components.echo_memory_store import EchoMemoryStore
from components.echo_service import EchoService, EchoServiceArgs
from components.fleet import Fleet
from components.monitoring_stack import MonitoringStack
from components.placed_servers import place_server
from components.settings import stack as settings
from components.settings.faults import Fault
from components.settings.stack import SettingsError


class ModelServersArgs(TypedDict, total=False):
    """The settings of a stack, as docs/configuration.md has them."""

    environment: str | None
    """`dev` or `prod`."""
    namespace: str | None
    """Prefix of namespaces and of names that are global in a cluster."""
    cluster: dict[str, Any] | None
    """Which cluster, and what of it is used."""
    clusters: list[dict[str, Any]] | None
    """Several clusters in place of that one."""
    modelStore: dict[str, Any] | None
    """The registry in the cluster."""
    servers: list[dict[str, Any]] | None
    """Ollama servers and their models."""
    imageDigests: dict[str, str] | None
    """Image to digest."""
    gpuPools: list[dict[str, Any]] | None
    """Pools of nodes with GPUs."""
    cpuPools: list[dict[str, Any]] | None
    """Pools of nodes without."""
    fit: dict[str, Any] | None
    """What is done where a model does not fit."""
    echo: dict[str, Any] | None
    """The service in front of the servers."""
    memory: dict[str, Any] | None
    """The store of memories."""
    monitoring: dict[str, Any] | None
    """Prometheus, its rules, and whom it tells."""


class ModelServers(pulumi.ComponentResource):
    """Ollama servers with their models on clusters of yours, each with its baseline and a model store."""

    namespace: pulumi.Output[str]
    """Where the models run."""
    endpoints: pulumi.Output[dict[str, str]]
    """Server to the URL for clients in its cluster."""

    def __init__(self, name: str, args: ModelServersArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Every fault in the settings is told before anything is registered.

        Raises:
            SettingsError: with all of them.
        """
        raw = cast("dict[str, Any]", whole_numbers({key: one for key, one in args.items() if one is not None}))
        found = list(cluster_contexts.faults(raw))
        config = settings.validate(raw, found, ask=True)
        super().__init__("echorator:index:ModelServers", name, {}, opts)
        fleet = Fleet.of(config, parent=self, prefix=f"{name}-")
        placed = {
            wanted.name: place_server(config, fleet, wanted, parent=self, prefix=f"{name}-")
            for wanted in config.servers
        }
        apart: list[pulumi.Resource] = []
        memory: EchoMemoryStore | None = None
        if config.memory.enabled and fleet.primary is not None:
            memory = echo_memory_store.remember(config, fleet.primary.cluster, parent=self, prefix=f"{name}-")
            apart.append(memory)
        if config.echo.enabled and fleet.primary is not None:
            home = fleet.primary.cluster
            own = pulumi.ResourceOptions(parent=self, depends_on=[home, *apart, *fleet.primary.metrics_secrets])
            EchoService(f"{name}-echo", EchoServiceArgs.of(config, home), own)
        if config.monitoring.enabled and fleet.primary is not None:
            MonitoringStack.of(config, fleet.primary, after=apart, memory=memory, parent=self, prefix=f"{name}-")
        self.namespace = pulumi.Output.from_input(f"{config.namespace}-models")
        self.endpoints = pulumi.Output.all(**{key: one.server.endpoint for key, one in placed.items()}).apply(
            lambda urls: {key: str(url) for key, url in urls.items()}
        )
        self.register_outputs({"namespace": self.namespace, "endpoints": self.endpoints})


def whole_numbers(value: object) -> object:
    """The same with whole numbers as such: between languages every number travels as a float.

    Raises:
        SettingsError: something in it is known only once other resources are there.
    """
    if isinstance(value, pulumi.Output):
        raise SettingsError(
            [Fault("args", "holds an output of another resource. Settings must be known before anything is made")]
        )
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {str(key): whole_numbers(one) for key, one in cast("Mapping[object, object]", value).items()}
    if isinstance(value, list | tuple):
        return [whole_numbers(one) for one in cast("list[object]", value)]
    return value
