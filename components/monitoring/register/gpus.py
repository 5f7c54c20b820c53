"""Registers what tells of the GPUs: NVIDIA's exporter on the nodes of each of its pools."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import workload
from components.monitoring import gpu_exporter, names, network, tls
from components.monitoring.register.node_space import node_space
from components.monitoring.register.parts import MonitoringStackArgs, Parts
from components.ollama_pod_merge import merged
from components.versions import image
from components.workload import wire

# Its nodes may not be there yet: Karpenter makes them when a replica waits.
_SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}


class Gpus:
    """The exporters, in a namespace of their own."""

    def __init__(self, name: str, args: MonitoringStackArgs, outer: pulumi.ResourceOptions) -> None:
        self._name = f"{name}-gpus"
        self._args = args
        self._settings = args.settings.gpu_exporter
        self._prefix = args.cluster.prefix
        self._outer = outer

    @property
    def _brings(self) -> bool:
        return self._settings.enabled and self._settings.mode == "bring"

    @property
    def namespaces(self) -> list[str]:
        """That Prometheus looks for pods in."""
        if self._brings:
            return [names.gpus_namespace_of(self._prefix)]
        return [self._settings.namespace] if self._settings.enabled and self._settings.namespace is not None else []

    def make(self) -> None:
        """Register them."""
        if not self._brings:
            return
        prefix, part = self._prefix, names.GPU_EXPORTER
        scraped = {"from": [names.scraper(prefix)], "ports": workload.tcp(names.GPU_EXPORTER_PORT)}
        policies = {part: network.policy(names.selector(part, prefix), ingress=[scraped], egress=[])}
        parts = node_space(
            self._name,
            self._args,
            self._outer,
            called=names.gpus_namespace_of(prefix),
            policies=policies,
            size=gpu_exporter.SIZE,
        )
        config = parts.config(part, gpu_exporter.counters())
        after: list[pulumi.Resource] = [parts.account(part), *parts.certificate(part)]
        for pool in self._args.gpu_pools:
            spec = gpu_exporter.daemon_set(
                pool,
                prefix,
                image=image("dcgm-exporter", self._args.image_digests),
                config_map=config,
            )
            self._daemon_set(pool.name, parts, spec, after)

    def _daemon_set(self, pool: str, parts: Parts, spec: dict[str, Any], after: list[pulumi.Resource]) -> None:
        if parts.tls:
            spec = tls.secured_workload(names.GPU_EXPORTER, spec, f"--web-config-file={tls.WEB_FILE}")
        spec["template"] = merged(spec["template"], self._settings.pod)
        metadata = parts.metadata(f"{names.GPU_EXPORTER}-{pool}", names.GPU_EXPORTER)
        k8s.apps.v1.DaemonSet(
            f"{self._name}-exporter-{pool}",
            metadata=wire({**metadata, "annotations": _SKIP_AWAIT}),
            spec=wire(spec),
            opts=parts.inside_after(after),
        )
