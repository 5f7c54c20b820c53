"""CloudNativePG's operator in the memory's namespace."""

from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from components import workload
from components.certificates_resource import Certificates
from components.memory import manifest, names
from components.memory import operator_objects as objects
from components.memory import postgres_objects as postgres
from components.memory.namespace import MemoryNamespace
from components.workload import wire


class MemoryOperator:
    """Definitions, roles, and the operator itself."""

    ready: list[pulumi.Resource]
    """Once these are there, a Cluster is looked after."""

    def __init__(
        self,
        name: str,
        space: MemoryNamespace,
        *,
        prefix: str,
        manifest_path: str | None,
        image: str,
        priority: str,
        replicas: int,
        tls: Certificates,
        api_server: pulumi.Output[list[dict[str, Any]]],
    ) -> None:
        """Registers all of it.

        Raises:
            pulumi.RunError: the file of definitions is missing or another one.
        """
        try:
            found = manifest.definitions(manifest_path)
        except manifest.ManifestError as error:
            raise pulumi.RunError(str(error)) from error
        outside = pulumi.ResourceOptions(parent=space.inside.parent, provider=space.inside.provider)
        # They are the whole cluster's, and with one go all databases of its kind, whoever made them.
        kept = pulumi.ResourceOptions.merge(outside, pulumi.ResourceOptions(retain_on_delete=True))
        definitions = [
            k8s.apiextensions.v1.CustomResourceDefinition(
                f"{name}-{one['spec']['names']['plural']}",
                metadata=wire(_named(one)),
                spec=wire(one["spec"]),
                opts=kept,
            )
            for one in found
        ]
        account = space.account(name, names.OPERATOR, "operator")
        here = space.metadata(names.OPERATOR, "operator")
        labels = here["labels"]
        role = k8s.rbac.v1.Role(f"{name}-operator-role", metadata=here, rules=wire(objects.role()), opts=space.inside)
        subject = {"kind": "ServiceAccount", "name": names.OPERATOR, "namespace": space.name}
        group = "rbac.authorization.k8s.io"
        bound = k8s.rbac.v1.RoleBinding(
            f"{name}-operator-binding",
            metadata=here,
            role_ref={"api_group": group, "kind": "Role", "name": names.OPERATOR},
            subjects=wire([subject]),
            opts=space.inside,
        )
        wide = {"name": f"{prefix}-{names.OPERATOR}", "labels": labels}
        cluster_role = k8s.rbac.v1.ClusterRole(
            f"{name}-operator-cluster-role", metadata=wire(wide), rules=wire(objects.cluster_role()), opts=outside
        )
        cluster_bound = k8s.rbac.v1.ClusterRoleBinding(
            f"{name}-operator-cluster-binding",
            metadata=wire(wide),
            role_ref={"api_group": group, "kind": "ClusterRole", "name": f"{prefix}-{names.OPERATOR}"},
            subjects=wire([subject]),
            opts=outside,
        )
        certificate = f"{names.OPERATOR}-tls"
        secret = space.secret(
            name, certificate, "operator", tls.secret("operator", certificate="apiserver.crt", key="apiserver.key")
        )
        policy = space.policy(
            name,
            names.OPERATOR,
            api_server.apply(lambda rules: postgres.operator_policy(prefix, api_server=rules)),
        )
        k8s.policy.v1.PodDisruptionBudget(
            f"{name}-operator-budget",
            metadata=here,
            spec=wire(workload.disruption_budget(names.operator_labels(prefix))),
            opts=space.inside,
        )
        running = k8s.apps.v1.Deployment(
            f"{name}-operator",
            metadata=wire({**here, "labels": names.operator_object_labels(prefix)}),
            spec=wire(
                objects.deployment(
                    prefix=prefix,
                    image=image,
                    account=names.OPERATOR,
                    priority=priority,
                    certificate=certificate,
                    replicas=replicas,
                )
            ),
            opts=pulumi.ResourceOptions.merge(
                space.inside,
                pulumi.ResourceOptions(
                    depends_on=[*definitions, account, role, bound, cluster_role, cluster_bound, secret, policy]
                ),
            ),
        )
        self.ready = [*definitions, running]


def _named(definition: dict[str, Any]) -> dict[str, Any]:
    metadata = definition["metadata"]
    return {"name": metadata["name"], "annotations": metadata.get("annotations", {})}
