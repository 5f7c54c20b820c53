"""MonitoringStack: Prometheus, Alertmanager and their operator, or monitors and rules for those that run already."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import pulumi
import pulumi_kubernetes as k8s
import yaml

from components import cluster_baseline as baseline
from components import workload
from components.cluster import Cluster
from components.labels import namespace_labels
from components.monitoring import alertmanager, exporters, names, network, operator, prometheus, responder, scrape
from components.monitoring.dashboards import BOARDS
from components.monitoring.rules import rule_groups
from components.settings import Settings
from components.settings_monitoring import MonitoringSettings
from components.sizes import Size
from components.versions import DEBIAN_MONITORING_IMAGES, MONITORING_IMAGES, image
from components.workload import wire

_API = "monitoring.coreos.com/v1"
_AVAILABLE = {"pulumi.com/waitFor": "condition=Available"}


@dataclass(frozen=True, kw_only=True)
class MonitoringStackArgs:
    """What a MonitoringStack is made of."""

    cluster: Cluster
    settings: MonitoringSettings
    replicas: Mapping[str, int]
    """Server in the cluster to how many replicas it has at least."""
    store: bool = True
    """Whether there is a model store."""
    storage_class: str | None = None
    api_server_cidrs: Sequence[str] = ()
    image_digests: Mapping[str, str] = field(default_factory=dict[str, str])


class MonitoringStack(pulumi.ComponentResource):
    """Sees everything that the stack runs, and says when something is wrong.

    With `mode: bring` it has a namespace of its own, where its operator works and nothing else runs. With `existing`
    only monitors, rules and openings for the Prometheus that is there are made, in the namespace for models.
    """

    namespace: str
    """Where monitors, rules and, with `bring`, Prometheus are."""
    prometheus: str | None
    """URL inside the cluster; None with `existing`."""
    outputs: Mapping[str, str | None]

    def __init__(self, name: str, args: MonitoringStackArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("echorator:index:MonitoringStack", name, {"mode": args.settings.mode}, opts)
        self._name = name
        self._args = args
        self._prefix = args.cluster.prefix
        self._monitors = scrape.models(self._prefix, store=args.store)
        bring = args.settings.mode == "bring"
        self.namespace = names.namespace_of(self._prefix) if bring else args.cluster.namespace
        self._outer = pulumi.ResourceOptions(parent=self, provider=args.cluster.provider)
        self._inside = self._outer
        own: list[scrape.Monitor] = []
        ready: list[pulumi.Resource] = []
        if bring:
            own = scrape.own(
                self._prefix, node_exporter=args.settings.node_exporter, responder=args.settings.responder.enabled
            )
            ready = self._bring([*self._monitors, *own])
        self._openings()
        for one in [*self._monitors, *own]:
            self._custom("PodMonitor", one.name, one.spec(), after=ready[:1])
        groups = rule_groups(args.settings, args.replicas, store=args.store)
        self._custom("PrometheusRule", "echorator", {"groups": groups}, after=ready[:1])
        if args.settings.dashboards:
            self._dashboards()
        port = names.PROMETHEUS_PORT
        self.prometheus = f"http://prometheus-operated.{self.namespace}.svc.cluster.local:{port}" if bring else None
        self.outputs = {"namespace": self.namespace, "prometheus": self.prometheus}
        self.register_outputs(dict(self.outputs))

    @classmethod
    def of(cls, config: Settings, cluster: Cluster) -> Self:
        """The stack that a configuration asks for."""
        args = MonitoringStackArgs(
            cluster=cluster,
            settings=config.monitoring,
            replicas={server.name: server.replicas for server in config.servers if server.url is None},
            store=config.model_store.enabled,
            storage_class=config.cluster.storage_class,
            api_server_cidrs=config.cluster.api_server_cidrs,
            image_digests=config.image_digests,
        )
        return cls("monitoring", args, pulumi.ResourceOptions(depends_on=[cluster]))

    # -- what is made in both modes ---------------------------------------------------------------------------------

    def _openings(self) -> None:
        settings = self._args.settings
        peer = names.scraper(self._prefix)
        if settings.mode == "existing":
            space = {"kubernetes.io/metadata.name": settings.scraper_namespace or ""}
            peer = {
                "namespaceSelector": {"matchLabels": space},
                "podSelector": {"matchLabels": settings.scraper_labels},
            }
        for one in self._monitors:
            k8s.networking.v1.NetworkPolicy(
                f"{self._name}-scrape-{one.name}",
                metadata={
                    "name": f"scrape-{one.name}",
                    "namespace": one.namespace,
                    "labels": names.object_labels("scrape", self._prefix),
                },
                spec=wire(network.scraped(one.selected, peer, one.port_number)),
                opts=self._outer,
            )

    def _dashboards(self) -> None:
        for board in BOARDS:
            metadata = self._metadata(f"dashboard-{board.name}", "dashboards")
            metadata["labels"] = {**metadata["labels"], "grafana_dashboard": "1"}
            k8s.core.v1.ConfigMap(
                f"{self._name}-dashboard-{board.name}",
                metadata=metadata,
                data={f"{board.name}.json": board.text()},
                opts=self._inside,
            )

    def _custom(
        self,
        kind: str,
        called: str,
        spec: Any,  # noqa: ANN401
        *,
        after: Sequence[pulumi.Resource] = (),
        annotations: Mapping[str, str] | None = None,
    ) -> k8s.apiextensions.CustomResource:
        metadata = self._metadata(called, called)
        metadata["labels"] = {**metadata["labels"], **self._args.settings.labels}
        if annotations is not None:
            metadata["annotations"] = dict(annotations)
        return k8s.apiextensions.CustomResource(
            f"{self._name}-{kind.lower()}-{called}",
            api_version=_API,
            kind=kind,
            metadata=metadata,
            spec=spec,
            opts=pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(depends_on=list(after))),
        )

    # -- what `bring` makes -----------------------------------------------------------------------------------------

    def _bring(self, monitors: Sequence[scrape.Monitor]) -> list[pulumi.Resource]:
        """Returns the operator first: what it reads can be made once it is there, and goes before it does."""
        settings = self._args.settings
        space = k8s.core.v1.Namespace(
            f"{self._name}-namespace",
            metadata=wire(baseline.namespace_metadata(self._prefix, self.namespace)),
            opts=self._outer,
        )
        self._inside = pulumi.ResourceOptions(parent=self, provider=self._args.cluster.provider, depends_on=[space])
        self._bounds()
        self._network(monitors)
        operated = self._operator()
        ready: list[pulumi.Resource] = [operated]
        if settings.node_exporter:
            self._node_exporter()
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
            # One on every node, and nobody knows how many those will be.
            *([exporters.NODE_SIZE.demand(100)] if settings.node_exporter else []),
            Size(cpu="20m", cpu_limit="1", memory="64Mi", memory_limit="256Mi", storage="1Gi").demand(4),
        ]
        k8s.core.v1.ResourceQuota(
            f"{self._name}-quota",
            metadata=self._metadata("monitoring", "quota"),
            spec=wire(baseline.quota(demands)),
            opts=self._inside,
        )
        k8s.core.v1.LimitRange(
            f"{self._name}-limits",
            metadata=self._metadata("monitoring", "limits"),
            spec=wire(baseline.limit_range()),
            opts=self._inside,
        )

    def _network(self, monitors: Sequence[scrape.Monitor]) -> None:
        args, settings = self._args, self._args.settings
        urls = [urlsplit(one.url) for one in settings.remote_write]
        remote = sorted({one.port or (443 if one.scheme == "https" else 80) for one in urls})
        p, a = names.operated(names.PROMETHEUS), names.operated(names.ALERTMANAGER)
        o, n = names.selector(names.OPERATOR, self._prefix), names.selector(names.NODE_EXPORTER, self._prefix)
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
        }
        if settings.node_exporter:
            policies[names.NODE_EXPORTER] = network.policy(
                n, ingress=[network.near(p, names.NODE_EXPORTER_PORT)], egress=[]
            )
        if settings.responder.enabled:
            inbound = [network.near(a, names.RESPONDER_PORT), network.near(p, names.RESPONDER_PORT)]
            policies[names.RESPONDER] = network.policy(r, ingress=inbound, egress=to_api)
        for called, spec in policies.items():
            k8s.networking.v1.NetworkPolicy(
                f"{self._name}-network-{called}",
                metadata=self._metadata(called, "network"),
                spec=wire(spec),
                opts=self._inside,
            )

    def _operator(self) -> k8s.apps.v1.Deployment:
        digests = self._args.image_digests
        granted = [
            self._account(names.OPERATOR),
            *self._role(names.OPERATOR, operator.rules()),
            *self._cluster_role(names.OPERATOR, operator.cluster_rules()),
        ]
        self._budget(names.OPERATOR, names.selector(names.OPERATOR, self._prefix))
        spec = operator.deployment(
            self._prefix,
            image=image("prometheus-operator", digests),
            reloader=image("prometheus-config-reloader", digests),
        )
        return k8s.apps.v1.Deployment(
            f"{self._name}-operator",
            metadata=self._metadata(names.OPERATOR, names.OPERATOR),
            spec=wire(spec),
            opts=pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(depends_on=granted)),
        )

    def _alertmanager(self, operated: pulumi.Resource) -> k8s.apiextensions.CustomResource:
        settings = self._args.settings.alertmanager
        hook = responder.url(self._prefix) if self._args.settings.responder.enabled else None
        routes_of = alertmanager.config(settings, responder=hook)
        account = self._account(names.ALERTMANAGER)
        routes = k8s.core.v1.Secret(
            f"{self._name}-routes",
            metadata=self._metadata(alertmanager.CONFIG_SECRET, names.ALERTMANAGER),
            string_data={"alertmanager.yaml": yaml.safe_dump(routes_of, sort_keys=False)},
            opts=self._inside,
        )
        self._budget(names.ALERTMANAGER, names.operated(names.ALERTMANAGER))
        reference, version = self._image("alertmanager")
        spec = alertmanager.spec(settings, image=reference, version=version, storage_class=self._args.storage_class)
        return self._custom(
            "Alertmanager", self._prefix, spec, after=[operated, account, routes], annotations=_AVAILABLE
        )

    def _prometheus(self, operated: pulumi.Resource) -> k8s.apiextensions.CustomResource:
        settings = self._args.settings
        granted = [self._account(names.PROMETHEUS), *self._role(names.PROMETHEUS, prometheus.read_rules(own=True))]
        for namespace in sorted({one.namespace for one in self._monitors} - {self.namespace}):
            granted += self._role(names.PROMETHEUS, prometheus.read_rules(own=False), namespace=namespace)
        if settings.kubelet:
            granted += self._cluster_role(names.PROMETHEUS, prometheus.kubelet_rules())
            granted.append(
                k8s.core.v1.Secret(
                    f"{self._name}-kubelets",
                    metadata=self._metadata(prometheus.KUBELET_SECRET, names.PROMETHEUS),
                    string_data={prometheus.KUBELET_KEY: json.dumps(prometheus.kubelet_scrapes(self._prefix))},
                    opts=self._inside,
                )
            )
        self._budget(names.PROMETHEUS, names.operated(names.PROMETHEUS))
        reference, version = self._image("prometheus")
        spec = prometheus.spec(
            self._prefix,
            settings.prometheus,
            image=reference,
            version=version,
            storage_class=self._args.storage_class,
            remote_write=settings.remote_write,
            kubelets=settings.kubelet,
        )
        return self._custom("Prometheus", self._prefix, spec, after=[operated, *granted], annotations=_AVAILABLE)

    def _node_exporter(self) -> None:
        account = self._account(names.NODE_EXPORTER)
        reference, _ = self._image("node-exporter")
        k8s.apps.v1.DaemonSet(
            f"{self._name}-node-exporter",
            metadata=self._metadata(names.NODE_EXPORTER, names.NODE_EXPORTER),
            spec=wire(exporters.node_exporter(self._prefix, reference)),
            opts=pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(depends_on=[account])),
        )

    def _responder(self) -> None:
        settings, prefix, part = self._args.settings.responder, self._prefix, names.RESPONDER
        models = self._args.cluster.namespace
        granted = [self._account(part), *self._role(part, responder.rules(settings), namespace=models)]
        if responder.cluster_rules(settings):
            granted += self._cluster_role(part, responder.cluster_rules(settings))
        metadata = self._metadata(part, part)
        del metadata["name"]
        config = k8s.core.v1.ConfigMap(
            f"{self._name}-responder-config",
            metadata=metadata,
            immutable=True,
            data={"config.json": responder.config(models, settings)},
            opts=self._inside,
        )
        spec = responder.deployment(
            prefix,
            image=image("runtime", self._args.image_digests),
            config_map=config.metadata.apply(lambda found: found.name),
        )
        self._budget(part, names.selector(part, prefix))
        k8s.apps.v1.Deployment(
            f"{self._name}-responder",
            metadata=self._metadata(part, part),
            spec=wire(spec),
            opts=pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(depends_on=granted)),
        )
        k8s.core.v1.Service(
            f"{self._name}-responder-service",
            metadata=self._metadata(part, part),
            spec=wire(workload.service(names.selector(part, prefix), names.RESPONDER_PORT)),
            opts=self._inside,
        )

    # -- small parts ------------------------------------------------------------------------------------------------

    def _image(self, part: str) -> tuple[str, str]:
        """Reference and version."""
        if self._args.settings.images == "debian":
            found = DEBIAN_MONITORING_IMAGES[part]
            return found.reference(), f"v{found.tag}"
        return image(part, self._args.image_digests), MONITORING_IMAGES[part].tag

    def _account(self, part: str) -> pulumi.Resource:
        return k8s.core.v1.ServiceAccount(
            f"{self._name}-{part}-account",
            metadata=self._metadata(part, part),
            automount_service_account_token=False,
            opts=self._inside,
        )

    def _role(self, part: str, rules: list[dict[str, Any]], *, namespace: str | None = None) -> list[pulumi.Resource]:
        suffix = "" if namespace is None else f"-{namespace.removeprefix(f'{self._prefix}-')}"
        metadata = self._metadata(f"{self._prefix}-{part}" if namespace else part, part)
        if namespace is not None:
            metadata["namespace"] = namespace
        role = k8s.rbac.v1.Role(
            f"{self._name}-{part}-role{suffix}", metadata=metadata, rules=wire(rules), opts=self._inside
        )
        binding = k8s.rbac.v1.RoleBinding(
            f"{self._name}-{part}-role{suffix}-binding",
            metadata=metadata,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": metadata["name"]},
            subjects=[{"kind": "ServiceAccount", "name": part, "namespace": self.namespace}],
            opts=self._inside,
        )
        return [role, binding]

    def _cluster_role(self, part: str, rules: list[dict[str, Any]]) -> list[pulumi.Resource]:
        metadata: Any = {"name": f"{self._prefix}-{part}", "labels": names.object_labels(part, self._prefix)}
        role = k8s.rbac.v1.ClusterRole(
            f"{self._name}-{part}-cluster-role", metadata=metadata, rules=wire(rules), opts=self._inside
        )
        binding = k8s.rbac.v1.ClusterRoleBinding(
            f"{self._name}-{part}-cluster-role-binding",
            metadata=metadata,
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": metadata["name"]},
            subjects=[{"kind": "ServiceAccount", "name": part, "namespace": self.namespace}],
            opts=self._inside,
        )
        return [role, binding]

    def _budget(self, part: str, selected: dict[str, str]) -> None:
        k8s.policy.v1.PodDisruptionBudget(
            f"{self._name}-{part}-budget",
            metadata=self._metadata(part, part),
            spec=wire(workload.disruption_budget(selected)),
            opts=self._inside,
        )

    def _metadata(self, called: str, part: str) -> Any:  # noqa: ANN401
        return {
            "name": called,
            "namespace": self.namespace,
            "labels": {**names.object_labels(part, self._prefix), **namespace_labels(self._prefix)},
        }
