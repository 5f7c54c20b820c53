"""The objects of an Ollama server in the cluster, and the order in which they are made."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import (
    ollama_agent,
    ollama_certificates,
    ollama_expose,
    ollama_pod,
    ollama_volumes,
    scaling_objects,
    workload,
)
from components import ollama_server_objects as objects
from components.cluster import Cluster
from components.gpu_pool_objects import claim_template
from components.gpu_pools import claim_template_name
from components.ollama_pod import PodPlan
from components.ollama_server_args import OllamaServerArgs
from components.ollama_volumes import Role
from components.sizes import Size
from components.volume_growth import VolumeGrowth, VolumeGrowthArgs
from components.workload import wire
from ollama.document import dump

_TEMPLATES = "spec.volumeClaimTemplates"
_REPLICAS = "spec.replicas"
_FORCE = {"pulumi.com/patchForce": "true"}


class Deployment:
    """Registers the objects of one server, as children of `parent`."""

    writers: list[pulumi.Resource]
    """The StatefulSet that fills a shared volume."""

    def __init__(
        self, parent: pulumi.Resource, name: str, args: OllamaServerArgs, cluster: Cluster, size: Size
    ) -> None:
        self._name = name
        self._args = args
        self._cluster = cluster
        self._size = size
        self._parent = parent
        self._shared = args.volume.mode == "shared"
        self._storage_class = args.volume.storage_class or args.storage_class
        self._inside = pulumi.ResourceOptions(parent=parent, provider=cluster.provider)
        # A pod with models is Ready only once it has them, which may take longer than Pulumi's ten minutes. Each
        # OllamaModel waits for its own, shows how far it is, and says what is wrong.
        self._awaited = not args.wanted.models
        self._first = self._account()
        self.writers = [self._writer()] if self._shared else []

    def replicas(self) -> k8s.apps.v1.StatefulSet:
        """The StatefulSet of the pods that clients ask."""
        args, selected = self._args, objects.selector(self._args.name)
        policy = self._policy(
            "network",
            args.name,
            objects.network_policy(
                selected,
                objects.ingress_rules(
                    prefix=self._cluster.prefix,
                    expose=args.expose,
                    api_server_cidrs=args.api_server_cidrs,
                    echo=args.echo,
                ),
                objects.egress_rules(pulls=not self._shared, store=args.store, api_server=args.api_server),
            ),
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{self._name}-budget",
            metadata=self._metadata(args.name),
            spec=wire(workload.disruption_budget(selected)),
            opts=self._inside,
        )
        k8s.core.v1.Service(
            f"{self._name}-pods-service",
            metadata=self._metadata(f"{args.name}-pods"),
            spec=wire(workload.headless_service(objects.headless_selector(args.name, args.volume), objects.PORT)),
            opts=self._inside,
        )
        return self._set(
            "pods",
            args.name,
            objects.stateful_set(
                server=args.name,
                replicas=args.replicas,
                selected=selected,
                template=self._template("reader" if self._shared else "replica"),
                claims=objects.claims(args.volume, self._size.storage, self._storage_class),
            ),
            [policy, *self.writers],
        )

    def autoscale(self, stateful_set: k8s.apps.v1.StatefulSet) -> None:
        """What changes the number of replicas, and what advises on their size."""
        scaling, after = self._args.scaling, self._after([stateful_set])
        if scaling is None:
            return
        # It has no status before its first look, and none at all while there is nothing to measure.
        metadata = self._metadata(self._args.name, ollama_expose.SKIP_AWAIT)
        if scaling.by == "hpa":
            k8s.autoscaling.v2.HorizontalPodAutoscaler(
                f"{self._name}-autoscaler",
                metadata=metadata,
                spec=wire(scaling_objects.autoscaler(self._args.name, scaling, self._size.gpus)),
                opts=after,
            )
        else:
            k8s.apiextensions.CustomResource(
                f"{self._name}-autoscaler",
                api_version="keda.sh/v1alpha1",
                kind="ScaledObject",
                metadata=metadata,
                spec=scaling_objects.scaled_object(self._args.name, self._cluster.namespace, scaling, self._size.gpus),
                opts=after,
            )
        if scaling.advise:
            k8s.apiextensions.CustomResource(
                f"{self._name}-advice",
                api_version="autoscaling.k8s.io/v1",
                kind="VerticalPodAutoscaler",
                metadata=self._metadata(self._args.name),
                spec=scaling_objects.advice(self._args.name),
                opts=after,
            )

    def growth(self, stateful_set: k8s.apps.v1.StatefulSet) -> VolumeGrowth | None:
        """What lets the volumes of replicas grow; a shared one grows as any claim does."""
        if self._shared:
            return None
        return VolumeGrowth(
            f"{self._name}-volumes",
            VolumeGrowthArgs(
                context=self._cluster.context,
                namespace=self._cluster.namespace,
                stateful_set=stateful_set,
                name=self._args.name,
                storage=self._size.storage,
                storage_class=self._storage_class,
                access_mode=ollama_volumes.access_mode(self._args.volume),
            ),
            pulumi.ResourceOptions(parent=self._parent),
        )

    def expose(self) -> list[pulumi.Resource]:
        """The Service, and what leads to it from outside."""
        args, expose = self._args, self._args.expose
        # With no replica there is no endpoint, and Pulumi would wait ten minutes for one.
        skip = {} if self._awaited and args.replicas else ollama_expose.SKIP_AWAIT
        service = k8s.core.v1.Service(
            f"{self._name}-service",
            metadata=self._metadata(args.name, {**expose.annotations, **skip}),
            spec=wire(ollama_expose.service(objects.selector(args.name), expose)),
            opts=self._inside,
        )
        after = self._after([service])
        if expose.ingress is not None:
            k8s.networking.v1.Ingress(
                f"{self._name}-ingress",
                metadata=self._metadata(args.name, ollama_expose.ingress_annotations(args.name, expose.ingress)),
                spec=wire(ollama_expose.ingress(args.name, expose.ingress)),
                opts=after,
            )
        if expose.ingress is not None and expose.ingress.acme is not None:
            k8s.apiextensions.CustomResource(
                f"{self._name}-issuer",
                api_version="cert-manager.io/v1",
                kind="Issuer",
                metadata=self._metadata(ollama_certificates.name_of(args.name)),
                spec=ollama_certificates.issuer(args.name, expose.ingress, expose.ingress.acme),
                opts=after,
            )
            k8s.networking.v1.NetworkPolicy(
                f"{self._name}-acme",
                metadata=self._metadata(ollama_certificates.name_of(args.name)),
                spec=wire(ollama_certificates.solver_policy(ollama_expose.peers(expose))),
                opts=self._inside,
            )
        if expose.gateway is not None:
            k8s.apiextensions.CustomResource(
                f"{self._name}-route",
                api_version="gateway.networking.k8s.io/v1",
                kind="HTTPRoute",
                metadata=self._metadata(args.name),
                spec=ollama_expose.http_route(args.name, expose.gateway),
                opts=after,
            )
        return [service]

    def _account(self) -> list[pulumi.Resource]:
        """What the pods need before the first of them: their account with its rights, and the wanted list."""
        called = ollama_agent.account_name(self._args.name)
        account = k8s.core.v1.ServiceAccount(
            f"{self._name}-account",
            metadata=self._metadata(called),
            automount_service_account_token=False,
            opts=self._inside,
        )
        role = k8s.rbac.v1.Role(
            f"{self._name}-role",
            metadata=self._metadata(called),
            rules=wire(ollama_agent.rules(self._args.name)),
            opts=self._inside,
        )
        binding = k8s.rbac.v1.RoleBinding(
            f"{self._name}-role-binding",
            metadata=self._metadata(called),
            role_ref={"api_group": "rbac.authorization.k8s.io", "kind": "Role", "name": called},
            subjects=[{"kind": "ServiceAccount", "name": called, "namespace": self._cluster.namespace}],
            opts=self._after([role]),
        )
        wanted = k8s.core.v1.ConfigMap(
            f"{self._name}-models",
            metadata=self._metadata(ollama_agent.list_name(self._args.name)),
            data={ollama_agent.KEY: dump(self._args.wanted)},
            opts=self._inside,
        )
        return [account, binding, wanted, *self._claims()]

    def _claims(self) -> list[pulumi.Resource]:
        """The template of each pod's claim on its GPUs, where a DRA driver gives them out."""
        device_class = self._args.placement.device_class
        if device_class is None or not self._size.gpus:
            return []
        return [
            k8s.apiextensions.CustomResource(
                f"{self._name}-gpu-claim",
                api_version="resource.k8s.io/v1",
                kind="ResourceClaimTemplate",
                metadata=self._metadata(claim_template_name(self._args.name)),
                spec=claim_template(device_class, self._size.gpus),
                opts=self._inside,
            )
        ]

    def _writer(self) -> k8s.apps.v1.StatefulSet:
        args, selected = self._args, objects.writer_selector(self._args.name)
        labels = objects.writer_labels(args.name)
        called = f"{args.name}-writer"
        if args.volume.claim is None:
            claim = k8s.core.v1.PersistentVolumeClaim(
                f"{self._name}-claim",
                # A class may wait for the first pod before it makes the volume, and Pulumi for the volume.
                metadata=self._metadata(
                    ollama_volumes.claim_name(args.name, args.volume), ollama_expose.SKIP_AWAIT, labels
                ),
                spec=wire(
                    workload.claim_spec(
                        self._size.storage, self._storage_class, ollama_volumes.access_mode(args.volume)
                    )
                ),
                opts=self._inside,
            )
            self._first.append(claim)
        policy = self._policy(
            "writer-network",
            called,
            objects.network_policy(
                selected,
                objects.agent_rules(args.api_server_cidrs, args.echo),
                objects.egress_rules(pulls=True, store=args.store, api_server=args.api_server),
            ),
            labels,
        )
        spec = objects.stateful_set(
            server=args.name, replicas=1, selected=selected, template=self._template("writer"), claims=[]
        )
        return self._set("writer", called, spec, [policy], labels)

    def _template(self, role: Role) -> dict[str, Any]:
        args = self._args
        writer = role == "writer"
        return ollama_pod.template(
            PodPlan(
                server=args.name,
                role=role,
                labels=objects.writer_labels(args.name) if writer else objects.object_labels(args.name),
                # Copying and hashing needs no GPU, and the replicas are to have them.
                size=replace(self._size, gpus=0) if writer else self._size,
                priority=self._cluster.priority_class("models"),
                claim=ollama_volumes.claim_name(args.name, args.volume),
                sources=args.sources,
                ollama=args.ollama,
                pod=args.pod,
                placement=args.placement,
                image_digests=args.image_digests,
                metrics_tls=args.metrics_tls,
                clients_may_manage=args.clients_may_manage_models,
            )
        )

    def _set(
        self,
        suffix: str,
        called: str,
        spec: dict[str, Any],
        after: Sequence[pulumi.Resource],
        labels: Mapping[str, str] | None = None,
    ) -> k8s.apps.v1.StatefulSet:
        own = self._after([*self._first, *after])
        # The provider would replace the StatefulSet, and pods and volumes with it. VolumeGrowth changes them instead.
        own.ignore_changes = [_TEMPLATES]
        if self._args.scaling is not None and suffix == "pods":
            # The autoscaler's from the first deploy on: the next one must not undo what it did.
            own.ignore_changes.append(_REPLICAS)
        return k8s.apps.v1.StatefulSet(
            f"{self._name}-{suffix}",
            # Somebody who ran `kubectl scale` owns `replicas` from then on, and the settings would be refused there.
            metadata=self._metadata(called, {**_FORCE, **({} if self._awaited else ollama_expose.SKIP_AWAIT)}, labels),
            spec=wire(spec),
            opts=own,
        )

    def _policy(
        self, suffix: str, called: str, spec: dict[str, Any], labels: Mapping[str, str] | None = None
    ) -> k8s.networking.v1.NetworkPolicy:
        return k8s.networking.v1.NetworkPolicy(
            f"{self._name}-{suffix}", metadata=self._metadata(called, None, labels), spec=wire(spec), opts=self._inside
        )

    def _after(self, resources: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(self._inside, pulumi.ResourceOptions(depends_on=list(resources)))

    def _metadata(
        self, called: str, annotations: Mapping[str, str] | None = None, labels: Mapping[str, str] | None = None
    ) -> Any:  # noqa: ANN401
        found = {
            "name": called,
            "namespace": self._cluster.namespace,
            "labels": dict(labels) if labels is not None else objects.object_labels(self._args.name),
        }
        return {**found, "annotations": annotations} if annotations else found
