"""What a monitoring stack brings itself: the operator, Prometheus, Alertmanager, exporters, the responder."""

import json
from collections.abc import Sequence
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import yaml

from components import cluster_baseline as baseline
from components import workload
from components.monitoring import alertmanager, names, network, operator, prometheus, responder, scrape, tls
from components.monitoring.register.collected import Collected
from components.monitoring.register.exporters import Exporters
from components.monitoring.register.gpus import Gpus
from components.monitoring.register.grafana import Shown
from components.monitoring.register.parts import MonitoringStackArgs, Parts
from components.sizes import Size
from components.versions import image
from components.workload import wire

_AVAILABLE = {"pulumi.com/waitFor": "condition=Available"}


class Brought:
    """Makes it, in a namespace of its own."""

    def __init__(self, name: str, args: MonitoringStackArgs, parts: Parts, monitors: Sequence[scrape.Monitor]) -> None:
        """Prepare; `monitors` is what is scraped outside of the namespace."""
        self._name = name
        self._args = args
        self._prefix = args.cluster.prefix
        self._parts = parts
        self._elsewhere = sorted({one.namespace for one in monitors} - {parts.namespace})
        self._exporters = Exporters(name, args, parts)
        self._collected = Collected(name, args, parts, self._elsewhere)
        self._gpus = Gpus(name, args, parts.outer)
        self.shown = Shown(name, args, parts)

    def make(self, monitors: Sequence[scrape.Monitor]) -> list[pulumi.Resource]:
        """Returns the operator first: what it reads can be made once it is there, and goes before it does."""
        settings = self._args.settings
        space = k8s.core.v1.Namespace(
            f"{self._name}-namespace",
            metadata=wire(baseline.namespace_metadata(self._prefix, self._parts.namespace)),
            opts=self._parts.outer,
        )
        self._parts.inside = pulumi.ResourceOptions.merge(self._parts.outer, pulumi.ResourceOptions(depends_on=[space]))
        self._bounds()
        self._network(monitors)
        operated = self._operator()
        ready: list[pulumi.Resource] = [operated]
        self._exporters.make(self._elsewhere, operated)
        self._collected.make()
        self._gpus.make()
        if settings.responder.enabled:
            self._responder()
        ready.append(self._alertmanager(operated))
        ready.append(self._prometheus(operated))
        return ready

    def _bounds(self) -> None:
        settings = self._args.settings
        demands = [
            prometheus.demand(settings.prometheus),
            alertmanager.size(settings.alertmanager).demand(settings.alertmanager.replicas),
            operator.SIZE.demand(1),
            *self._exporters.demands(),
            *self._collected.demands(),
            *self.shown.demands(),
            Size(cpu="20m", cpu_limit="1", memory="64Mi", memory_limit="256Mi", storage="1Gi").demand(4),
        ]
        k8s.core.v1.ResourceQuota(
            f"{self._name}-quota",
            metadata=self._parts.metadata("monitoring", "quota"),
            spec=wire(baseline.quota(demands)),
            opts=self._parts.inside,
        )
        k8s.core.v1.LimitRange(
            f"{self._name}-limits",
            metadata=self._parts.metadata("monitoring", "limits"),
            spec=wire(baseline.limit_range()),
            opts=self._parts.inside,
        )

    def _network(self, monitors: Sequence[scrape.Monitor]) -> None:
        args, settings = self._args, self._args.settings
        remote = sorted({workload.port_of(one.url) for one in settings.remote_write})
        p, a = names.operated(names.PROMETHEUS), names.operated(names.ALERTMANAGER)
        o = names.selector(names.OPERATOR, self._prefix)
        out = network.prometheus_out(self._prefix, monitors, remote, kubelets=settings.kubelet)
        asked = network.clients(self._prefix, names.PROMETHEUS_PORT, args.api_server_cidrs)
        told = network.clients(self._prefix, names.ALERTMANAGER_PORT, args.api_server_cidrs)
        mesh = network.alertmanager_mesh()
        to_api = args.cluster.api_server.apply(network.api_server)
        hooks = alertmanager.ports_out(settings.alertmanager)
        r = names.selector(names.RESPONDER, self._prefix)
        responds = [network.towards(r, names.RESPONDER_PORT)] if settings.responder.enabled else []
        policies: dict[str, Any] = {
            "default-deny": baseline.default_deny(),
            "allow-dns": baseline.allow_dns(),
            names.PROMETHEUS: network.policy(
                p,
                ingress=[*asked, network.near(p, names.PROMETHEUS_PORT, names.RELOADER_PORT)],
                egress=to_api.apply(lambda found: [*out, *found]),
            ),
            names.ALERTMANAGER: network.policy(
                a,
                ingress=[
                    *told,
                    network.near(p, names.ALERTMANAGER_PORT),
                    {"from": [{"podSelector": {"matchLabels": a}}], **mesh},
                ],
                egress=[
                    {"to": [{"podSelector": {"matchLabels": a}}], **mesh},
                    *([workload.anywhere(*hooks)] if hooks else []),
                    *responds,
                ],
            ),
            names.OPERATOR: network.policy(o, ingress=[network.near(p, names.OPERATOR_PORT)], egress=to_api),
            **self._exporters.policies(p, to_api),
            **self._collected.policies(p, to_api),
            **self.shown.policies(p),
        }
        if settings.responder.enabled:
            inbound = [network.near(a, names.RESPONDER_PORT), network.near(p, names.RESPONDER_PORT)]
            policies[names.RESPONDER] = network.policy(r, ingress=inbound, egress=to_api)
        for called, spec in policies.items():
            k8s.networking.v1.NetworkPolicy(
                f"{self._name}-network-{called}",
                metadata=self._parts.metadata(called, "network"),
                spec=wire(spec),
                opts=self._parts.inside,
            )

    def _operator(self) -> k8s.apps.v1.Deployment:
        digests = self._args.image_digests
        granted = [
            self._parts.account(names.OPERATOR),
            *self._parts.role(names.OPERATOR, operator.rules()),
            *self._parts.cluster_role(names.OPERATOR, operator.cluster_rules()),
        ]
        self._parts.budget(names.OPERATOR, names.selector(names.OPERATOR, self._prefix))
        granted += self._parts.certificate(names.OPERATOR)
        spec = operator.deployment(
            self._prefix,
            image=image("prometheus-operator", digests),
            reloader=image("prometheus-config-reloader", digests),
            by_tls=self._parts.tls,
        )
        return k8s.apps.v1.Deployment(
            f"{self._name}-operator",
            metadata=self._parts.metadata(names.OPERATOR, names.OPERATOR),
            spec=wire(spec),
            opts=self._parts.inside_after(granted),
        )

    def _alertmanager(self, operated: pulumi.Resource) -> k8s.apiextensions.CustomResource:
        settings = self._args.settings.alertmanager
        told = self._parts.certificate(names.ALERTMANAGER)
        by_tls = self._parts.tls
        hook = responder.url(self._prefix, by_tls=by_tls) if self._args.settings.responder.enabled else None
        trust = tls.host(names.RESPONDER, self._parts.namespace) if by_tls else None
        routes_of = alertmanager.config(settings, responder=hook, responder_name=trust)
        account = self._parts.account(names.ALERTMANAGER)
        routes = k8s.core.v1.Secret(
            f"{self._name}-routes",
            metadata=self._parts.metadata(alertmanager.CONFIG_SECRET, names.ALERTMANAGER),
            string_data={"alertmanager.yaml": yaml.safe_dump(routes_of, sort_keys=False)},
            opts=self._parts.inside,
        )
        self._parts.budget(names.ALERTMANAGER, names.operated(names.ALERTMANAGER))
        reference, version = self._parts.image("alertmanager")
        spec = alertmanager.spec(
            settings, image=reference, version=version, storage_class=self._args.storage_class, by_tls=by_tls
        )
        after = [operated, account, routes, *told]
        return self._parts.custom("Alertmanager", self._prefix, spec, after=after, annotations=_AVAILABLE)

    def _prometheus(self, operated: pulumi.Resource) -> k8s.apiextensions.CustomResource:
        settings = self._args.settings
        granted = [
            self._parts.account(names.PROMETHEUS),
            *self._parts.role(names.PROMETHEUS, prometheus.read_rules(own=True)),
            *self._parts.certificate(names.PROMETHEUS),
        ]
        for namespace in [*self._elsewhere, *self._collected.namespaces, *self._gpus.namespaces]:
            granted += self._parts.role(names.PROMETHEUS, prometheus.read_rules(own=False), namespace=namespace)
        if settings.kubelet:
            granted += self._parts.cluster_role(names.PROMETHEUS, prometheus.kubelet_rules())
            granted.append(
                k8s.core.v1.Secret(
                    f"{self._name}-kubelets",
                    metadata=self._parts.metadata(prometheus.KUBELET_SECRET, names.PROMETHEUS),
                    string_data={prometheus.KUBELET_KEY: json.dumps(prometheus.kubelet_scrapes(self._prefix))},
                    opts=self._parts.inside,
                )
            )
        self._parts.budget(names.PROMETHEUS, names.operated(names.PROMETHEUS))
        reference, version = self._parts.image("prometheus")
        spec = prometheus.spec(
            self._prefix,
            settings.prometheus,
            image=reference,
            version=version,
            storage_class=self._args.storage_class,
            remote_write=settings.remote_write,
            kubelets=settings.kubelet,
            by_tls=self._parts.tls,
        )
        return self._parts.custom("Prometheus", self._prefix, spec, after=[operated, *granted], annotations=_AVAILABLE)

    def _responder(self) -> None:
        settings, prefix, part = self._args.settings.responder, self._prefix, names.RESPONDER
        models = self._args.cluster.namespace
        by_tls = self._parts.tls
        granted = [self._parts.account(part), *self._parts.role(part, responder.rules(settings), namespace=models)]
        granted += self._parts.certificate(part)
        if responder.cluster_rules(settings):
            granted += self._parts.cluster_role(part, responder.cluster_rules(settings))
        config = self._parts.config(part, {"config.json": responder.config(models, settings, by_tls=by_tls)})
        spec = responder.deployment(
            prefix,
            image=image("runtime", self._args.image_digests),
            config_map=config,
            by_tls=by_tls,
        )
        self._parts.deployment(part, spec, granted)
        self._parts.service(part, names.RESPONDER_PORT)
