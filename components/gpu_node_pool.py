"""GpuNodePool: nodes with one kind of GPU, and what lets pods use them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import cluster_baseline as baseline
from components import gpu_device_plugin as plugin
from components import gpu_pool_objects as objects
from components import kube_context
from components.cluster import Cluster
from components.gpu_pools import Pool, global_name, labels_of, pool_of, taints_of
from components.labels import labels, selector_labels
from components.node_taints import NodeTaints
from components.settings.gpu import GpuPoolSettings
from components.settings.stack import Settings
from components.workload import wire

_SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}


@dataclass(frozen=True, kw_only=True)
class GpuNodePoolArgs:
    """What a GpuNodePool is made of."""

    cluster: Cluster
    settings: GpuPoolSettings
    image_digests: Mapping[str, str] = field(default_factory=dict[str, str])


class GpuNodePool(pulumi.ComponentResource):
    """One pool: its nodes (labelled, or made by Karpenter or Cluster API), and their device plugin or device class."""

    pool: Pool
    """What servers need to know of it."""

    def __init__(self, name: str, args: GpuNodePoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        self.pool = pool_of(args.settings, args.cluster.prefix)
        super().__init__(
            "echorator:index:GpuNodePool",
            name,
            {"accelerator": args.settings.accelerator, "units": self.pool.units},
            opts,
        )
        self._name = name
        self._cluster = args.cluster
        self._settings = args.settings
        self._digests = args.image_digests
        self._inside = pulumi.ResourceOptions(parent=self, provider=args.cluster.provider)
        self._existing()
        self._karpenter()
        self._cluster_api()
        self._runtime_class()
        if args.settings.devices == "dra":
            self._object("class", "resource.k8s.io/v1", "DeviceClass", objects.device_class(args.settings))
        if args.settings.devices == "devicePlugin":
            self._device_plugin()
        self.register_outputs({"name": self.pool.name, "resource": self.pool.resource, "units": self.pool.units})

    def _existing(self) -> None:
        existing = self._settings.existing
        for node in () if existing is None else existing.names:
            k8s.core.v1.NodePatch(
                f"{self._name}-{node}",
                metadata=wire({"name": node, "labels": labels_of(self._settings), "annotations": objects.FORCE}),
                opts=self._inside,
            )
            if taints_of(self._settings):
                NodeTaints(
                    f"{self._name}-{node}",
                    context=self._cluster.context,
                    node=node,
                    taints=taints_of(self._settings),
                    opts=pulumi.ResourceOptions(parent=self),
                )

    def _karpenter(self) -> None:
        karpenter = self._settings.karpenter
        if karpenter is not None:
            self._object("nodes", "karpenter.sh/v1", "NodePool", objects.node_pool(self._settings, karpenter))

    def _cluster_api(self) -> None:
        cluster_api = self._settings.cluster_api
        if cluster_api is None:
            return
        provider = self._cluster.provider
        if cluster_api.context is not None:
            provider = k8s.Provider(
                f"{self._name}-management",
                context=cluster_api.context,
                cluster_identifier=cluster_api.context,
                opts=pulumi.ResourceOptions(parent=self),
            )
        k8s.apiextensions.CustomResource(
            f"{self._name}-machines",
            api_version="cluster.x-k8s.io/v1beta2",
            kind="MachinePool",
            metadata={
                "name": self._global_name,
                "namespace": cluster_api.namespace,
                "labels": self._labels,
                # Machines take minutes and a cloud's mood; pods wait for them, a deploy need not.
                "annotations": {**objects.machine_pool_annotations(self._settings, self.pool), **_SKIP_AWAIT},
            },
            spec=objects.machine_pool(self._settings, cluster_api),
            # The cluster autoscaler's, from the first on.
            opts=pulumi.ResourceOptions(parent=self, provider=provider, ignore_changes=["spec.replicas"]),
        )

    def _runtime_class(self) -> None:
        handler = self._settings.runtime_handler
        if handler is not None and self._settings.runtime_class is None:
            k8s.node.v1.RuntimeClass(
                f"{self._name}-runtime",
                metadata=wire({"name": self._global_name, "labels": self._labels}),
                handler=handler,
                # Its pods find the pool's nodes also without this; others that name it by mistake then wait visibly.
                scheduling=wire({"nodeSelector": dict(self.pool.selector)}),
                opts=self._inside,
            )

    def _device_plugin(self) -> None:
        namespace = f"{self._global_name}-devices"
        selected = selector_labels(name="device-plugin", instance=self.pool.name, component="gpu")
        made = k8s.core.v1.Namespace(
            f"{self._name}-devices",
            metadata=wire({"name": namespace, "labels": {**self._labels, **_node_level()}}),
            opts=self._inside,
        )
        inside = pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(depends_on=[made]))

        def metadata(called: str) -> Any:  # noqa: ANN401
            return {"name": called, "namespace": namespace, "labels": self._labels}

        # The plugin talks to the kubelet by a socket, and to nobody else: said of the namespace, and of its pods.
        closed = baseline.default_deny()
        own = {**closed, "podSelector": {"matchLabels": selected}}
        for suffix, called, spec in (("deny", "default-deny", closed), ("closed", "device-plugin", own)):
            k8s.networking.v1.NetworkPolicy(
                f"{self._name}-devices-{suffix}", metadata=metadata(called), spec=wire(spec), opts=inside
            )
        account = k8s.core.v1.ServiceAccount(
            f"{self._name}-devices-account",
            metadata=metadata(plugin.ACCOUNT),
            automount_service_account_token=False,
            opts=inside,
        )
        k8s.core.v1.ResourceQuota(
            f"{self._name}-devices-services",
            metadata=metadata("services"),
            spec=wire({"hard": {"services.loadbalancers": "0", "services.nodeports": "0"}}),
            opts=inside,
        )
        k8s.core.v1.LimitRange(
            f"{self._name}-devices-limits", metadata=metadata("limits"), spec=wire(baseline.limit_range()), opts=inside
        )
        bounds = k8s.core.v1.ResourceQuota(
            f"{self._name}-devices-quota",
            metadata=metadata("devices"),
            spec=wire(_quota(self._nodes)),
            opts=inside,
        )
        data = plugin.config(self._settings)
        config = None
        if data is not None:
            config = k8s.core.v1.ConfigMap(
                # Named by Pulumi with its content: the plugin reads it at its start, so new content is a new pod.
                f"{self._name}-devices-config",
                metadata={"namespace": namespace, "labels": self._labels},
                data=data,
                immutable=True,
                opts=inside,
            )
        called = None if config is None else config.metadata["name"]
        spec = pulumi.Output.from_input(called).apply(lambda found: self._daemon_set(selected, found))
        k8s.apps.v1.DaemonSet(
            f"{self._name}-devices-plugin",
            # Its nodes may not be there yet.
            metadata=wire({**metadata("device-plugin"), "annotations": _SKIP_AWAIT}),
            spec=spec,
            opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[account, bounds])),
        )

    def _daemon_set(self, selected: dict[str, str], config_map: str | None) -> Any:  # noqa: ANN401
        return wire(
            plugin.daemon_set(
                self._settings,
                selected=selected,
                labels=labels(name="device-plugin", instance=self.pool.name, component="gpu"),
                node_selector=self.pool.selector,
                config_map=config_map,
                runtime_class=self.pool.runtime_class,
                image_digests=self._digests,
            )
        )

    @property
    def _global_name(self) -> str:
        return global_name(self._settings, self._cluster.prefix)

    @property
    def _nodes(self) -> int:
        return max(1, self.pool.units // max(1, self.pool.units_per_node))

    @property
    def _labels(self) -> dict[str, str]:
        return labels(name="gpu-pool", instance=self.pool.name, component="gpu")

    def _object(self, suffix: str, api_version: str, kind: str, spec: dict[str, Any]) -> None:
        k8s.apiextensions.CustomResource(
            f"{self._name}-{suffix}",
            api_version=api_version,
            kind=kind,
            metadata={"name": self._global_name, "labels": self._labels},
            spec=spec,
            opts=self._inside,
        )


def register(
    settings: Settings, name: str, cluster: Cluster, *, prefix: str = "", parent: pulumi.Resource | None = None
) -> list[GpuNodePool]:
    """All pools of one cluster.

    Args:
        settings: of the whole stack.
        name: of the cluster, in the settings.
        cluster: the cluster.
        prefix: begins the Pulumi names.
        parent: of the pools.

    Raises:
        pulumi.RunError: management clusters that the kubeconfig does not know, before the first pool is registered.
    """
    _check_contexts(settings)
    return [
        GpuNodePool(
            f"{prefix}{one.name}",
            GpuNodePoolArgs(cluster=cluster, settings=one, image_digests=settings.image_digests),
            pulumi.ResourceOptions(parent=parent, depends_on=[cluster]),
        )
        for one in settings.gpu_pools
        if settings.cluster_of(one).name == name
    ]


def _check_contexts(settings: Settings) -> None:
    problems: list[str] = []
    for index, one in enumerate(settings.gpu_pools):
        if one.cluster_api is not None and one.cluster_api.context is not None:
            try:
                kube_context.load(one.cluster_api.context)
            except kube_context.KubeContextError as error:
                problems.append(f"gpuPools[{index}].clusterApi.context: {error}")
    if problems:
        raise pulumi.RunError("\n".join(problems))


def _node_level() -> dict[str, str]:
    """Pod Security's labels of a namespace whose pods use folders of the node: refused nowhere, told of everywhere."""
    found = baseline.pod_security_labels()
    return {**found, "pod-security.kubernetes.io/enforce": "privileged"}


def _quota(nodes: int) -> dict[str, Any]:
    """Two pods a node: the old one and the new one."""
    scopes = [{"scopeName": "PriorityClass", "operator": "In", "values": ["system-node-critical"]}]
    # Without a quota that says so, some clusters (GKE) admit that priority in kube-system alone.
    return {"hard": {"pods": str(2 * nodes)}, "scopeSelector": {"matchExpressions": scopes}}
