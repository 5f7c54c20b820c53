"""Registers the exporters that a monitoring stack brings: nodes, the cluster's objects, questions to models."""

from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components.cluster_baseline import Demand
from components.monitoring import exporters, kube_state, names, network, probes, tls
from components.monitoring.register.parts import MonitoringStackArgs, Parts
from components.workload import wire

_WEB = f"--web.config.file={tls.WEB_FILE}"


class Exporters:
    """Those that the settings ask for."""

    def __init__(self, name: str, args: MonitoringStackArgs, parts: Parts) -> None:
        self._name = name
        self._settings = args.settings
        self._cluster = args.cluster
        self._prefix = args.cluster.prefix
        self._parts = parts
        self._asked = probes.asked(args.models) if args.settings.probes.enabled else []

    def demands(self) -> list[Demand]:
        """What they ask of the namespace."""
        settings = self._settings
        return [
            # One on every node, and nobody knows how many those will be.
            *([exporters.NODE_SIZE.demand(100)] if settings.node_exporter else []),
            *([kube_state.SIZE.demand(1)] if settings.kube_state_metrics else []),
            *([probes.SIZE.demand(1)] if settings.probes.enabled else []),
        ]

    def policies(self, scraper: dict[str, str], to_api: Any) -> dict[str, Any]:  # noqa: ANN401
        """Name to the spec of a network policy.

        Args:
            scraper: labels of Prometheus' pods.
            to_api: egress rules to the API server; may be an output.
        """
        found: dict[str, Any] = {}

        def add(part: str, port: int, egress: Any) -> None:  # noqa: ANN401
            chosen = names.selector(part, self._prefix)
            found[part] = network.policy(chosen, ingress=[network.near(scraper, port)], egress=egress)

        if self._settings.node_exporter:
            add(names.NODE_EXPORTER, names.NODE_EXPORTER_PORT, [])
        if self._settings.kube_state_metrics:
            add(names.KUBE_STATE, names.KUBE_STATE_PORT, to_api)
        if self._settings.probes.enabled:
            add(names.BLACKBOX, names.BLACKBOX_PORT, probes.egress(self._prefix))
        return found

    def make(self, namespaces: Sequence[str], operated: pulumi.Resource) -> None:
        """Register them.

        Args:
            namespaces: other ones that the stack's objects are in.
            operated: the operator, for which Probe objects wait.
        """
        if self._settings.node_exporter:
            self._node_exporter()
        if self._settings.kube_state_metrics:
            self._kube_state(namespaces)
        if self._settings.probes.enabled:
            self._blackbox(operated)

    def _node_exporter(self) -> None:
        part = names.NODE_EXPORTER
        after = [self._parts.account(part), *self._parts.certificate(part)]
        reference, _ = self._parts.image("node-exporter")
        k8s.apps.v1.DaemonSet(
            f"{self._name}-node-exporter",
            metadata=self._parts.metadata(part, part),
            spec=wire(self._secured(part, exporters.node_exporter(self._prefix, reference), _WEB)),
            opts=self._parts.inside_after(after),
        )

    def _kube_state(self, namespaces: Sequence[str]) -> None:
        part = names.KUBE_STATE
        granted = [self._parts.account(part), *self._parts.role(part, kube_state.rules())]
        for namespace in namespaces:
            granted += self._parts.role(part, kube_state.rules(), namespace=namespace)
        reference, _ = self._parts.image("kube-state-metrics")
        spec = kube_state.deployment(self._prefix, sorted({self._parts.namespace, *namespaces}), image=reference)
        granted += self._parts.certificate(part)
        self._parts.deployment(part, self._secured(part, spec, f"--tls-config={tls.WEB_FILE}"), granted)

    def _blackbox(self, operated: pulumi.Resource) -> None:
        part, settings = names.BLACKBOX, self._settings.probes
        config = self._parts.config(part, {"config.yaml": probes.config(self._asked, settings)})
        reference, _ = self._parts.image("blackbox-exporter")
        spec = probes.deployment(self._prefix, image=reference, config_map=config)
        after = [self._parts.account(part), *self._parts.certificate(part)]
        deployed = self._parts.deployment(part, self._secured(part, spec, _WEB), after)
        self._parts.service(part, names.BLACKBOX_PORT)
        for one in self._asked:
            self._parts.custom(
                "Probe",
                one.name,
                probes.probe(one, self._prefix, settings, by_tls=self._parts.tls),
                after=[operated, deployed],
            )

    def _secured(self, part: str, spec: dict[str, Any], argument: str) -> dict[str, Any]:
        return tls.secured_workload(part, spec, argument) if self._parts.tls else spec
