"""The Pulumi program: settings, then components, then what the stack exports."""

import pulumi

from components import echo_memory_store, quiet_waiting
from components.echo_memory_store import EchoMemoryStore
from components.echo_service import EchoService, EchoServiceArgs
from components.fleet import Fleet
from components.monitoring_stack import MonitoringStack
from components.placed_servers import place_server
from components.settings import stack as settings

quiet_waiting.install()
config = settings.load()
fleet = Fleet.of(config)

for wanted in config.servers:
    placed = place_server(config, fleet, wanted)
    pulumi.export(f"{wanted.name}-endpoint", placed.server.endpoint)
    if placed.server.outside is not None:
        pulumi.export(f"{wanted.name}-outside", placed.server.outside)
    pulumi.export(f"{wanted.name}-models", {name: model.replicas for name, model in placed.models.items()})
    pulumi.export(f"{wanted.name}-phases", {name: model.phase for name, model in placed.models.items()})
apart: list[pulumi.Resource] = []
memory: EchoMemoryStore | None = None
if config.memory.enabled and fleet.primary is not None:
    memory = echo_memory_store.remember(config, fleet.primary.cluster)
    pulumi.export("memory-endpoint", memory.host)
    pulumi.export("memory-namespace", memory.namespace)
    pulumi.export("memory-secret", memory.secret)
    apart.append(memory)
if config.echo.enabled and fleet.primary is not None:
    home, needed = fleet.primary.cluster, [fleet.primary.cluster, *apart, *fleet.primary.metrics_secrets]
    # Its pods take the memory's Secret and schema as they find them when they start.
    echo = EchoService("echo", EchoServiceArgs.of(config, home), pulumi.ResourceOptions(depends_on=needed))
    pulumi.export("echo-endpoint", echo.endpoint)
    pulumi.export("echo-keys", echo.keys)
pulumi.export("namespace", f"{config.namespace}-models")
if config.clusters:
    pulumi.export("clusters", fleet.summary())
if config.monitoring.enabled and fleet.primary is not None:
    pulumi.export("monitoring", MonitoringStack.of(config, fleet.primary, after=apart, memory=memory).outputs)
