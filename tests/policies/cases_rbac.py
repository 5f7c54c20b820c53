"""Roles, bindings and service accounts that are right and wrong."""

from __future__ import annotations

from tests.policies.cases_base import Cases, single
from tests.policies.objects import account, binding, changed, grants, group, named, role

RBAC = "rbac.authorization.k8s.io"


def _sub(resource: str, *verbs: str) -> Cases:
    parent = resource.partition("/")[0]
    sub = resource.partition("/")[2]
    return single(
        [role(grants("", parent, "get", "list")), role(grants("apps", resource, *verbs))],
        [
            role(grants("", "pods/log", "get"), grants("", resource, verbs[0])),
            role(grants("", resource, "*"), kind="ClusterRole"),
            role(grants("", f"*/{sub}", verbs[-1])),
            role(grants("*", resource, verbs[0])),
        ],
    )


def _subject(name: str, kind: str = "Group") -> Cases:
    return single(
        [binding(group("team:operators"))],
        [binding(group("team:operators")) | {"subjects": [group("x"), {"kind": kind, "name": name}]}],
    )


ROLES: dict[str, Cases] = {
    "rbac-wildcard-verbs": single(
        [role(grants("", "pods", "get", "list", "watch"))],
        # Only the second rule has it.
        [role(grants("", "pods", "get"), grants("apps", "statefulsets", "*"))],
    ),
    "rbac-wildcard-resources": single(
        [role(grants("", "pods", "get"))], [role(grants("", "*", "get")), role(grants("", "*/scale", "get"))]
    ),
    "rbac-wildcard-api-groups": single([role(grants("", "pods", "get"))], [role(grants("*", "pods", "get"))]),
    "rbac-wildcard-urls": single(
        [role({"nonResourceURLs": ["/metrics"], "verbs": ["get"]}, kind="ClusterRole")],
        [role({"nonResourceURLs": ["*"], "verbs": ["get"]}, kind="ClusterRole")],
    ),
    "rbac-read-secrets": single(
        [role(grants("", "configmaps", "get")), role(grants("", "secrets", "create"))],
        [role(grants("", "secrets", verb)) for verb in ("get", "list", "watch", "*", "GET")]
        + [role(grants("", "secrets", "get", resourceNames=["one"]))],
    ),
    "rbac-create-pods": single(
        [role(grants("", "pods", "get", "delete"))],
        [role(grants("", "pods", "create")), role(grants("", "pods", "*"))],
    ),
    "rbac-write-workloads": single(
        [role(grants("apps", "statefulsets/scale", "update")), role(grants("apps", "deployments", "get"))],
        [role(grants("apps", "deployments", "patch")), role(grants("batch", "cronjobs", "create"))],
    ),
    "rbac-pods-exec": _sub("pods/exec", "create", "get"),
    "rbac-pods-attach": _sub("pods/attach", "create", "get"),
    "rbac-pods-portforward": _sub("pods/portforward", "create", "get"),
    "rbac-ephemeral-containers": _sub("pods/ephemeralcontainers", "update", "patch"),
    "rbac-service-account-tokens": _sub("serviceaccounts/token", "create"),
    "rbac-nodes-proxy": _sub("nodes/proxy", "get", "create"),
    "rbac-escalate-bind": single(
        [role(grants(RBAC, "roles", "get"))],
        [role(grants(RBAC, "clusterroles", "bind")), role(grants(RBAC, "roles", "update", "escalate"))],
    ),
    "rbac-impersonate": single(
        [role(grants("", "users", "get"))], [role(grants("", "users", "impersonate"), kind="ClusterRole")]
    ),
    "rbac-csr-approval": single(
        [role(grants("certificates.k8s.io", "certificatesigningrequests", "create"))],
        [
            role(grants("certificates.k8s.io", "certificatesigningrequests/approval", "update")),
            role(grants("certificates.k8s.io", "signers", "approve")),
        ],
    ),
    "rbac-webhooks": single(
        [role(grants("admissionregistration.k8s.io", "validatingwebhookconfigurations", "get"))],
        [role(grants("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "patch"))],
    ),
    "rbac-write-rbac": single(
        [role(grants(RBAC, "rolebindings", "list"))], [role(grants(RBAC, "rolebindings", "create"))]
    ),
    "rbac-create-volumes": single(
        [role(grants("", "persistentvolumeclaims", "create"))], [role(grants("", "persistentvolumes", "create"))]
    ),
    "rbac-redirect-traffic": single(
        [role(grants("discovery.k8s.io", "endpointslices", "watch"))],
        [role(grants("discovery.k8s.io", "endpointslices", "patch")), role(grants("", "services/status", "update"))],
    ),
    "rbac-aggregated-role": single(
        [role(kind="ClusterRole")],
        [
            {**role(kind="ClusterRole"), "aggregationRule": {"clusterRoleSelectors": []}},
            changed(role(kind="ClusterRole"), {("metadata", "labels"): {f"{RBAC}/aggregate-to-admin": "true"}}),
        ],
    ),
}

BINDINGS: dict[str, Cases] = {
    "rbac-cluster-admin": single(
        [binding(group("x"), "view", "ClusterRole"), binding(group("x"), "admin", "Role")],
        [binding(group("x"), "cluster-admin", "ClusterRole"), binding(group("x"), "edit", "ClusterRole")],
    ),
    "rbac-anonymous": _subject("system:anonymous", "User"),
    "rbac-unauthenticated": _subject("system:unauthenticated"),
    "rbac-authenticated": _subject("system:authenticated"),
    "rbac-masters": _subject("system:masters"),
    "rbac-all-service-accounts": single(
        [binding(account())],
        [binding(group("system:serviceaccounts")), binding(group("system:serviceaccounts:team"))],
    ),
    "rbac-default-service-account": single(
        [binding(account())],
        [binding(account("default")), binding({"kind": "User", "name": "system:serviceaccount:team:default"})],
    ),
    "rbac-account-token": single(
        [named("v1", "ServiceAccount", {"automountServiceAccountToken": False})],
        [named("v1", "ServiceAccount", {}), named("v1", "ServiceAccount", {"automountServiceAccountToken": True})],
    ),
    "rbac-token-secret": single(
        [named("v1", "Secret", {"type": "Opaque"})],
        [named("v1", "Secret", {"type": "kubernetes.io/service-account-token"})],
    ),
    # Each role alone is taken for harmless by this check; the sum is not.
    "rbac-subject-combination": Cases(
        [
            [role(grants("apps", "deployments", "create")), binding(account())],
            # Two subjects, one half each.
            [
                changed(role(grants("", "pods", "create")), {"metadata/name": "a"}),
                changed(role(grants("", "pods/log", "get")), {"metadata/name": "b"}),
                binding(account("one"), "a"),
                binding(account("two"), "b"),
            ],
            # The second role is another namespace's.
            [
                changed(role(grants("", "pods", "create")), {"metadata/name": "a"}),
                changed(role(grants("", "pods/log", "get")), {"metadata/name": "b", "metadata/namespace": "other"}),
                binding(account(), "a", name="a"),
                binding(account(), "b", name="b"),
            ],
        ],
        [
            [
                changed(role(grants("", "pods", "create")), {"metadata/name": "a"}),
                changed(role(grants("", "pods/log", "get")), {"metadata/name": "b"}),
                binding(account(), "a", name="a"),
                binding(account(), "b", name="b"),
            ],
            # One half comes by the group of all the namespace's accounts.
            [
                changed(
                    role(grants("certificates.k8s.io", "signers", "approve"), kind="ClusterRole"),
                    {"metadata/name": "a"},
                ),
                changed(
                    role(grants("certificates.k8s.io", "certificatesigningrequests/approval", "update")),
                    {"metadata/name": "b"},
                ),
                binding(group("system:serviceaccounts:team"), "a", "ClusterRole", name="a"),
                binding({"kind": "User", "name": "system:serviceaccount:team:runner"}, "b", name="b"),
            ],
        ],
    ),
    "rbac-subject-control": Cases(
        [[role(*(grants("", name, "get", "list") for name in ("pods", "secrets"))), binding(account())]],
        [
            [
                changed(
                    role(
                        *(
                            grants("", name, *verbs)
                            for name in ("pods", "secrets", "configmaps", "services", "serviceaccounts")
                        )
                    ),
                    {"metadata/name": called},
                )
                for called, verbs in (("reads", ("get", "list")), ("writes", ("create", "update", "patch", "delete")))
            ]
            + [binding(account(), "reads", name="reads"), binding(account(), "writes", name="writes")]
        ],
    ),
}
