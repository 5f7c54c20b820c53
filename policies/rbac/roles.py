"""Checks of single Roles and ClusterRoles: wildcards, and rights that lead to more rights."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections.abc import Iterator

from policies.check import Facts, Family, Finding, Parameter, Severity, at, kinds
from policies.items import Item
from policies.rbac.rules import GOOD_PRACTICES, GROUP, READ, ROLES, WRITE, rules

FAMILY = Family("rbac", GOOD_PRACTICES)
_AUTHORIZATION = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/"
_WORKLOADS = {
    "": ("replicationcontrollers", "podtemplates"),
    "apps": ("deployments", "statefulsets", "daemonsets", "replicasets"),
    "batch": ("jobs", "cronjobs"),
}


@FAMILY.check(
    "wildcard-verbs",
    Severity.HIGH,
    "A role names the verbs that it grants",
    on=ROLES,
    why="`*` also grants verbs that are added later, and `escalate`, `bind` and `impersonate` where they exist.",
    fix="List the verbs that are used.",
)
def wildcard_verbs(role: Item, _: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        if "*" in rule.verbs:
            yield Finding(f"{rule.where}.verbs", "is `*`")


@FAMILY.check(
    "wildcard-resources",
    Severity.HIGH,
    "A role names the resources that it grants",
    on=ROLES,
    why="`*` holds secrets, pods/exec and every kind that a later CRD adds.",
    fix="List the resources that are used, subresources one by one.",
)
def wildcard_resources(role: Item, _: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        if any("*" in resource for resource in rule.resources):
            yield Finding(f"{rule.where}.resources", "has a `*`")


@FAMILY.check(
    "wildcard-api-groups",
    Severity.HIGH,
    "A role names the API groups that it grants",
    on=ROLES,
    why="`*` holds groups that an operator installs later.",
    fix="List the groups; the core group is the empty text.",
)
def wildcard_groups(role: Item, _: Facts) -> Iterator[Finding]:
    for node in role.body.at("rules").each():
        if "*" in node.at("apiGroups").lines:
            yield at(node.at("apiGroups"), "is `*`")


@FAMILY.check(
    "wildcard-urls",
    Severity.MEDIUM,
    "A role names the URLs that it grants",
    on=ROLES,
    why="`*` holds /debug/pprof and whatever else the API server serves beside its resources.",
    fix="List the paths, such as `/metrics`.",
)
def wildcard_urls(role: Item, _: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        if rule.urls & {"*", "/*"}:
            yield Finding(f"{rule.where}.nonResourceURLs", "is `*`")


@FAMILY.check(
    "read-secrets",
    Severity.HIGH,
    "A role does not read Secrets",
    on=ROLES,
    why="`list` and `watch` return the contents too; one service account token among them may be worth the cluster.",
    fix="Mount the Secret into the pod that needs it, or grant `get` with `resourceNames` and set `allowNamed`.",
    parameters={"allowNamed": Parameter(False, "Allow `get` alone on Secrets that `resourceNames` lists.")},
)
def read_secrets(role: Item, facts: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        verbs = rule.verbs_on("secrets", "") & {*READ, "*"}
        named = rule.names and verbs <= {"get"} and facts.flag("allowNamed")
        if verbs and not named and not role_is_wildcard(rule.resources):
            yield Finding(rule.where, f"grants {', '.join(sorted(verbs))} on secrets")


def role_is_wildcard(resources: frozenset[str]) -> bool:
    """The wildcard check tells about these."""
    return "*" in resources


@FAMILY.check(
    "create-pods",
    Severity.HIGH,
    "A role does not create pods",
    on=ROLES,
    why="Whoever creates a pod chooses its service account and mounts every Secret of the namespace.",
    fix="Let a controller create pods; grant what the controller reads instead.",
)
def create_pods(role: Item, _: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        if rule.names_on("pods", [""], ["create"]):
            yield Finding(rule.where, "grants create on pods")


@FAMILY.check(
    "write-workloads",
    Severity.MEDIUM,
    "A role does not write objects that make pods",
    on=ROLES,
    why="A Deployment or Job is a pod with one step between: the same service accounts and Secrets are in reach.",
    fix="Grant `statefulsets/scale` for scaling and `pods` `delete` for restarts.",
)
def write_workloads(role: Item, _: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        for group, names in _WORKLOADS.items():
            for name in names:
                if rule.names_on(name, [group], WRITE):
                    yield Finding(rule.where, f"writes {name}")


def _subresource(  # noqa: PLR0917 - a table of its calls follows
    name: str, resource: str, verbs: tuple[str, ...], severity: Severity, why: str, fix: str
) -> None:
    @FAMILY.check(
        name,
        severity,
        f"A role does not grant {resource}",
        on=ROLES,
        why=why,
        fix=fix,
    )
    def subresource(role: Item, _: Facts) -> Iterator[Finding]:
        for rule in rules(role.body):
            if rule.names_on(resource, [""], verbs):
                yield Finding(rule.where, f"grants {resource}")

    subresource.__name__ = name.replace("-", "_")


# `get` opens these connections as well as `create`: a WebSocket upgrade is a GET.
_subresource(
    "pods-exec", "pods/exec", ("create", "get"), Severity.HIGH,
    "A shell in a pod is its service account, its Secrets and its network.",
    "Debug with logs and metrics, or grant it for an hour and to a person.",
)  # fmt: skip
_subresource(
    "pods-attach", "pods/attach", ("create", "get"), Severity.HIGH,
    "Attaching reads and writes the main process's terminal.",
    "Read logs instead (`pods/log`).",
)  # fmt: skip
_subresource(
    "pods-portforward", "pods/portforward", ("create", "get"), Severity.MEDIUM,
    "A forwarded port passes by every NetworkPolicy.",
    "Reach the pod by its Service, or by `pods/proxy`, whose requests the API server can audit.",
)  # fmt: skip
_subresource(
    "ephemeral-containers", "pods/ephemeralcontainers", ("update", "patch"), Severity.HIGH,
    "A debug container joins a running pod and sees its processes and volumes.",
    "Leave it to cluster administrators.",
)  # fmt: skip
_subresource(
    "service-account-tokens", "serviceaccounts/token", ("create",), Severity.CRITICAL,
    "It issues tokens of any service account in reach, and so all rights that those have.",
    "Mount a projected token into the pod that needs it.",
)  # fmt: skip
_subresource(
    "nodes-proxy", "nodes/proxy", ("create", "get"), Severity.CRITICAL,
    "The kubelet's API runs commands in each pod of the node, without admission and without audit.",
    "Grant `nodes/metrics` or `nodes/stats` for monitoring.",
)  # fmt: skip


@FAMILY.check(
    "escalate-bind",
    Severity.CRITICAL,
    "A role does not grant `escalate` or `bind`",
    on=ROLES,
    link=f"{_AUTHORIZATION}#privilege-escalation-prevention-and-bootstrapping",
    why="These two verbs switch off the rule that nobody grants what they do not have.",
    fix="Take the verb away; a controller that manages roles should hold the rights that it grants.",
)
def escalate_bind(role: Item, _: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        for resource in ("roles", "clusterroles"):
            named = rule.verbs_on(resource, GROUP) & {"escalate", "bind"}
            if named:
                yield Finding(f"{rule.where}.verbs", f"grants {', '.join(sorted(named))} on {resource}")


@FAMILY.check(
    "impersonate",
    Severity.CRITICAL,
    "A role does not grant `impersonate`",
    on=ROLES,
    why="Whoever acts as system:masters needs no other right.",
    fix="Take the verb away; give the rights themselves.",
)
def impersonate(role: Item, _: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        if "impersonate" in rule.verbs:
            yield Finding(f"{rule.where}.verbs", "has impersonate")


@FAMILY.check(
    "csr-approval",
    Severity.CRITICAL,
    "A role does not approve certificate requests",
    on=ROLES,
    link="https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/",
    why="An approved client certificate is any user of any group, and cannot be revoked.",
    fix="Leave approval to the controller manager.",
)
def csr_approval(role: Item, _: Facts) -> Iterator[Finding]:
    group = ["certificates.k8s.io"]
    for rule in rules(role.body):
        if rule.names_on("certificatesigningrequests/approval", group, ("update", "patch")):
            yield Finding(rule.where, "approves certificate requests")
        if rule.names_on("signers", group, ("approve", "sign")):
            yield Finding(rule.where, "approves or signs for a signer")


@FAMILY.check(
    "webhooks",
    Severity.HIGH,
    "A role does not write admission webhooks",
    on=ROLES,
    why="A webhook sees every object on its way in, Secrets too, and changes it.",
    fix="Install webhooks with the cluster's own pipeline.",
)
def webhooks(role: Item, _: Facts) -> Iterator[Finding]:
    names = ("validatingwebhookconfigurations", "mutatingwebhookconfigurations")
    for rule in rules(role.body):
        for name in names:
            if rule.names_on(name, ["admissionregistration.k8s.io"], WRITE):
                yield Finding(rule.where, f"writes {name}")


@FAMILY.check(
    "write-rbac",
    Severity.HIGH,
    "A role does not write roles and bindings",
    on=ROLES,
    why="Whoever binds roles hands on every right they hold, unseen by whoever gave it to them.",
    fix="Let this program write roles.",
)
def write_rbac(role: Item, _: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        for name in ("roles", "clusterroles", "rolebindings", "clusterrolebindings"):
            if rule.names_on(name, [GROUP], WRITE):
                yield Finding(rule.where, f"writes {name}")


@FAMILY.check(
    "create-volumes",
    Severity.HIGH,
    "A role does not create PersistentVolumes",
    on=ROLES,
    why="A volume of type hostPath is the node's disk.",
    fix="Let a provisioner make volumes; grant PersistentVolumeClaims.",
)
def create_volumes(role: Item, _: Facts) -> Iterator[Finding]:
    for rule in rules(role.body):
        if rule.names_on("persistentvolumes", [""], ["create"]):
            yield Finding(rule.where, "creates PersistentVolumes")


@FAMILY.check(
    "redirect-traffic",
    Severity.MEDIUM,
    "A role does not write endpoints",
    on=ROLES,
    why="Whoever writes EndpointSlices, or the status of a LoadBalancer, sends a Service's traffic where they like.",
    fix="Let the endpoint controller write them.",
)
def redirect_traffic(role: Item, _: Facts) -> Iterator[Finding]:
    wanted = (("endpoints", ""), ("endpointslices", "discovery.k8s.io"), ("services/status", ""))
    for rule in rules(role.body):
        for name, group in wanted:
            if rule.names_on(name, [group], WRITE):
                yield Finding(rule.where, f"writes {name}")


@FAMILY.check(
    "aggregated-role",
    Severity.MEDIUM,
    "A ClusterRole is not put together by labels",
    on=kinds(GROUP, "ClusterRole"),
    link=f"{_AUTHORIZATION}#aggregated-clusterroles",
    why="Whoever labels a ClusterRole adds to every role that aggregates it, the built-in admin and edit too.",
    fix="Write the rules into the role itself.",
)
def aggregated(role: Item, _: Facts) -> Iterator[Finding]:
    selectors = role.body.at("aggregationRule")
    if selectors.present:
        yield at(selectors, "the role's rules come from others")
    for label, node in role.body.at("metadata", "labels").fields():
        if label.startswith(f"{GROUP}/aggregate-to-") and node.text == "true":
            yield Finding("metadata.labels", f"adds to the role {label.rpartition('-to-')[2]}")
