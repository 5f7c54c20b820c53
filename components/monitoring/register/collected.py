"""Registers what takes logs, Events and traces: the collector, its readers on the nodes, Jaeger."""

from collections.abc import Sequence
from typing import Any, cast

import pulumi
import pulumi_kubernetes as k8s

from components import workload
from components.cluster_baseline import Demand
from components.labels import namespace_labels, selector_labels
from components.monitoring import collector, jaeger, names, network
from components.monitoring.register.node_space import node_space
from components.monitoring.register.parts import MonitoringStackArgs, Parts
from components.versions import image
from components.workload import wire


class Collected:
    """Those that the settings ask for."""

    def __init__(self, name: str, args: MonitoringStackArgs, parts: Parts, elsewhere: Sequence[str]) -> None:
        """Prepare; `elsewhere` are the stack's other namespaces, whose Events are kept too."""
        self._name = name
        self._args = args
        self._settings = args.settings.collector
        self._prefix = args.cluster.prefix
        self._parts = parts
        self._watched = [parts.namespace, *elsewhere]

    @property
    def _reads(self) -> bool:
        return self._settings.enabled and self._settings.logs is not None

    @property
    def namespaces(self) -> list[str]:
        """That it makes, and Prometheus looks for pods in."""
        return [names.logs_namespace_of(self._prefix)] if self._reads else []

    def demands(self) -> list[Demand]:
        """What they ask of the monitoring namespace."""
        if not self._settings.enabled:
            return []
        return [collector.SIZE.demand(1), *([jaeger.SIZE.demand(1)] if self._settings.jaeger else [])]

    def policies(self, scraper: dict[str, str], to_api: Any) -> dict[str, Any]:  # noqa: ANN401
        """Name to the spec of a network policy.

        Args:
            scraper: labels of Prometheus' pods.
            to_api: egress rules to the API server; may be an output.
        """
        if not self._settings.enabled:
            return {}
        space = namespace_labels(self._prefix)
        echo = {
            "namespaceSelector": {"matchLabels": {**space, "kubernetes.io/metadata.name": f"{self._prefix}-models"}},
            "podSelector": {"matchLabels": selector_labels(name="echo", instance=self._prefix, component="engine")},
        }
        logs = {**space, "kubernetes.io/metadata.name": names.logs_namespace_of(self._prefix)}
        readers = {
            "namespaceSelector": {"matchLabels": logs},
            "podSelector": {"matchLabels": names.selector(names.LOG_READER, self._prefix)},
        }
        shows = names.selector(names.JAEGER, self._prefix)
        sends = names.selector(names.COLLECTOR, self._prefix)
        urls = [one.url for one in (self._settings.logs, self._settings.traces) if one is not None]
        ports = sorted({workload.port_of(url) for url in urls})
        out = [workload.anywhere(*ports)] if ports else []
        if self._settings.jaeger:
            out.append(network.towards(shows, names.OTLP_PORT))
        found: dict[str, Any] = {
            names.COLLECTOR: network.policy(
                sends,
                ingress=[
                    {"from": [echo, *([readers] if self._reads else [])], "ports": workload.tcp(names.OTLP_PORT)},
                    network.near(scraper, names.COLLECTOR_METRICS_PORT),
                ],
                # Events are read from the API server.
                egress=cast("pulumi.Output[list[Any]]", to_api).apply(lambda rules: [*out, *rules])
                if self._reads
                else out,
            )
        }
        if self._settings.jaeger:
            asked = network.clients(self._prefix, names.JAEGER_PORT, self._args.api_server_cidrs)
            told = network.near(sends, names.OTLP_PORT)
            found[names.JAEGER] = network.policy(shows, ingress=[told, *asked], egress=[])
        return found

    def make(self) -> None:
        """Register them."""
        if not self._settings.enabled:
            return
        if self._settings.jaeger:
            self._jaeger()
        self._collector()
        if self._reads:
            self._readers()

    def _collector(self) -> None:
        part = names.COLLECTOR
        granted = [self._parts.account(part)]
        if self._reads:
            granted += self._parts.role(part, collector.rules())
            for namespace in self._watched[1:]:
                granted += self._parts.role(part, collector.rules(), namespace=namespace)
        document = collector.config(self._prefix, self._settings, self._watched)
        config = self._parts.config(part, {collector.CONFIG_KEY: document})
        spec = collector.deployment(
            self._prefix, self._settings, image=image("collector", self._args.image_digests), config_map=config
        )
        self._parts.deployment(part, spec, granted)
        self._parts.service(part, names.OTLP_PORT)

    def _jaeger(self) -> None:
        part = names.JAEGER
        config = self._parts.config(part, {jaeger.CONFIG_KEY: jaeger.config()})
        spec = jaeger.deployment(self._prefix, image=image("jaeger", self._args.image_digests), config_map=config)
        self._parts.deployment(part, spec, [self._parts.account(part)])
        self._parts.service(part, names.OTLP_PORT, query=names.JAEGER_PORT)

    def _readers(self) -> None:
        prefix, part = self._prefix, names.LOG_READER
        name = f"{self._name}-logs"
        space_of = {**namespace_labels(prefix), "kubernetes.io/metadata.name": names.namespace_of(prefix)}
        sends = {
            "namespaceSelector": {"matchLabels": space_of},
            "podSelector": {"matchLabels": names.selector(names.COLLECTOR, prefix)},
        }
        policy = network.policy(
            names.selector(part, prefix),
            ingress=[{"from": [names.scraper(prefix)], "ports": workload.tcp(names.COLLECTOR_METRICS_PORT)}],
            egress=[{"to": [sends], "ports": workload.tcp(names.OTLP_PORT)}],
        )
        parts = node_space(
            name,
            self._args,
            self._parts.outer,
            called=names.logs_namespace_of(prefix),
            policies={part: policy},
            size=collector.READER_SIZE,
        )
        account = parts.account(part)
        config = parts.config(part, {collector.CONFIG_KEY: collector.reader_config(prefix)})
        k8s.apps.v1.DaemonSet(
            f"{name}-reader",
            metadata=parts.metadata(part, part),
            spec=wire(
                collector.daemon_set(prefix, image=image("collector", self._args.image_digests), config_map=config)
            ),
            opts=parts.inside_after([account]),
        )
