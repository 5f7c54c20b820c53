"""Registers Grafana, where the settings ask for one."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import pulumi_random as random

from components import workload
from components.cluster_baseline import Demand
from components.monitoring import grafana, names, network
from components.monitoring.dashboards import BOARDS, config_map
from components.monitoring.register.parts import MonitoringStackArgs, Parts
from components.versions import image

_SECRET_LENGTH = 32


class Shown:
    """It, and what it starts from."""

    def __init__(self, name: str, args: MonitoringStackArgs, parts: Parts) -> None:
        self._name = name
        self._args = args
        self._settings = args.settings.grafana
        self._prefix = args.cluster.prefix
        self._parts = parts

    @property
    def _jaeger(self) -> bool:
        collector = self._args.settings.collector
        return collector.enabled and collector.jaeger

    def demands(self) -> list[Demand]:
        """What it asks of the namespace."""
        return [grafana.SIZE.demand(1)] if self._settings.enabled else []

    def policies(self, scraper: dict[str, str]) -> dict[str, Any]:
        """Name to the spec of a network policy; `scraper` are the labels of Prometheus' pods."""
        if not self._settings.enabled:
            return {}
        chosen = names.selector(names.GRAFANA, self._prefix)
        asked = [
            network.towards(names.operated(names.PROMETHEUS), names.PROMETHEUS_PORT),
            network.towards(names.operated(names.ALERTMANAGER), names.ALERTMANAGER_PORT),
        ]
        if self._jaeger:
            asked.append(network.towards(names.selector(names.JAEGER, self._prefix), names.JAEGER_PORT))
        ports = _ports_out(self._settings.settings)
        if ports:
            asked.append(workload.anywhere(*ports))
        clients = network.clients(self._prefix, names.GRAFANA_PORT, self._args.api_server_cidrs)
        inward = [*clients, network.near(scraper, names.GRAFANA_PORT)]
        return {names.GRAFANA: network.policy(chosen, ingress=inward, egress=asked)}

    def make(self, mounted: Sequence[pulumi.Resource]) -> None:
        """Register it once the dashboards and the authority are there, which it mounts."""
        if not self._settings.enabled:
            return
        part, parts, prefix = names.GRAFANA, self._parts, self._prefix
        secret = k8s.core.v1.Secret(
            f"{self._name}-{part}-admin",
            metadata=parts.metadata(grafana.SECRET, part),
            string_data={key: self._random(key) for key in (grafana.PASSWORD, grafana.SECRET_KEY)},
            opts=parts.inside,
        )
        config = parts.config(part, grafana.files(prefix, self._settings, by_tls=parts.tls, jaeger=self._jaeger))
        spec = grafana.deployment(
            prefix,
            self._settings,
            image=image("grafana", self._args.image_digests),
            config_map=config,
            boards=[config_map(board) for board in BOARDS],
            by_tls=parts.tls,
        )
        after = [secret, parts.account(part), *parts.certificate(part), *mounted]
        parts.deployment(part, spec, after)
        parts.service(part, names.GRAFANA_PORT)

    def _random(self, key: str) -> pulumi.Output[str]:
        # The parent alone: the cluster's provider is not this resource's.
        apart = pulumi.ResourceOptions(parent=self._parts.outer.parent)
        return random.RandomPassword(
            f"{self._name}-grafana-{key}", length=_SECRET_LENGTH, special=False, opts=apart
        ).result


def _ports_out(settings: dict[str, str]) -> list[int]:
    """Of the addresses among its settings, such as those of who signs people in."""
    urls = [value for value in settings.values() if value.startswith(("http://", "https://"))]
    return sorted({workload.port_of(url) for url in urls})
