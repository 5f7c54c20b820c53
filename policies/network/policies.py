"""NetworkPolicies: nothing is open unless somebody said so."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections.abc import Iterator

from policies.check import Facts, Family, Finding, Parameter, Severity, Stack, at, kinds
from policies.items import Item
from policies.nodes import Node
from policies.workload.operation import namespaces, selects

FAMILY = Family("network", "https://kubernetes.io/docs/concepts/services-networking/network-policies/")
_POLICY = kinds("networking.k8s.io", "NetworkPolicy")
_EVERYWHERE = ("0.0.0.0/0", "::/0")


def denies(item: Item) -> set[str]:
    """The directions that a policy closes for every pod of its namespace."""
    spec = item.body.at("spec")
    selector = spec.at("podSelector")
    if item.body.partial or not isinstance(selector.value, dict) or any(True for _ in selector.fields()):
        return set()
    types = spec.at("policyTypes")
    # Unset, it means Ingress, and Egress if there are rules for it.
    listed = set(types.lines) if not types.missing else {"Ingress"}
    return {name for name in listed if not any(True for _ in spec.at(name.lower()).each())}


@FAMILY.stack_check(
    "default-deny",
    Severity.HIGH,
    "A namespace is closed in both directions unless a policy opens it",
    why="Without a policy that selects it, a pod talks to everything, and everything to it.",
    fix="Make a NetworkPolicy with an empty `podSelector`, both `policyTypes` and no rules.",
    parameters={"directions": Parameter(["Ingress", "Egress"], "Directions that must be closed.")},
)
def default_deny(stack: Stack, facts: Facts) -> Iterator[Finding]:
    closed: dict[str, set[str]] = {}
    unknown: set[str] = set()
    for item in stack.all(_POLICY):
        if item.body.at("metadata", "namespace").unknown:
            unknown |= denies(item)
        else:
            closed.setdefault(item.namespace, set()).update(denies(item))
    for item in namespaces(stack):
        for direction in facts.texts("directions"):
            if direction not in closed.get(item.name or "", set()) | unknown:
                yield Finding("", f"namespace {item.name} is open for {direction}", item.resource.urn)


def _peers(item: Item) -> Iterator[tuple[str, Node, Node]]:
    for direction, key in (("ingress", "from"), ("egress", "to")):
        for rule in item.body.at("spec", direction).each():
            yield direction, rule, rule.at(key)


@FAMILY.check(
    "open-rule",
    Severity.HIGH,
    "A rule says with whom",
    on=_POLICY,
    why="An empty or missing `from` or `to` allows everybody: the opposite of what an empty list looks like.",
    fix="Name the peers, or leave the rule out.",
)
def open_rule(item: Item, _: Facts) -> Iterator[Finding]:
    for _direction, rule, peers in _peers(item):
        if not isinstance(rule.value, dict):
            continue
        # Lists of rules are replaced as a whole, also by a patch: what a rule there does not say is not there.
        written = peers.path.rpartition(".")[2] in dict(rule.fields())
        if not written or peers.missing or peers.value == []:
            yield at(peers, "is empty, and so allows everybody")


@FAMILY.check(
    "everywhere",
    Severity.MEDIUM,
    "A rule for every address names its ports",
    on=_POLICY,
    why="Any port to anywhere is a way out for what was stolen; any port from anywhere a way in.",
    fix="Name the ports, or narrower blocks.",
)
def everywhere(item: Item, _: Facts) -> Iterator[Finding]:
    for _direction, rule, peers in _peers(item):
        ports = rule.at("ports")
        wide = [peer.at("ipBlock", "cidr") for peer in peers.each() if peer.at("ipBlock", "cidr").text in _EVERYWHERE]
        if wide and (ports.missing or (not ports.unknown and not list(ports.each()))):
            yield at(wide[0], f"is {wide[0]}, with any port")


@FAMILY.check(
    "rule-ports",
    Severity.MEDIUM,
    "A rule names its ports",
    on=_POLICY,
    why="Without ports a client also reaches metrics, debuggers and whatever a sidecar opens.",
    fix="List the ports that are used.",
)
def rule_ports(item: Item, _: Facts) -> Iterator[Finding]:
    for _direction, rule, _who in _peers(item):
        ports = rule.at("ports")
        written = "ports" in dict(rule.fields())
        if isinstance(rule.value, dict) and (not written or ports.missing or ports.value == []):
            yield at(ports, "is empty: any port")
        for port in ports.each():
            if isinstance(port.value, dict) and "port" not in dict(port.fields()):
                yield at(port.at("port"), "is not set: any port")


@FAMILY.check(
    "ingress-from-everywhere",
    Severity.HIGH,
    "No rule lets every address in",
    on=_POLICY,
    why="A block of all addresses is the internet, and every pod of every namespace.",
    fix="Let in the pods of the ingress controller, by their labels.",
)
def from_everywhere(item: Item, _: Facts) -> Iterator[Finding]:
    for direction, _rule, peers in _peers(item):
        for peer in peers.each():
            cidr = peer.at("ipBlock", "cidr")
            if direction == "ingress" and cidr.text in _EVERYWHERE:
                yield at(cidr, f"is {cidr}")


@FAMILY.check(
    "all-namespaces",
    Severity.MEDIUM,
    "A rule does not mean every namespace",
    on=_POLICY,
    why="An empty `namespaceSelector` is each team's pods, also tomorrow's, and each team labels its own pods.",
    fix="Select the namespaces by a label that only you set.",
)
def all_namespaces(item: Item, _: Facts) -> Iterator[Finding]:
    for direction, _rule, peers in _peers(item):
        for peer in peers.each():
            spaces = peer.at("namespaceSelector")
            # Out to labelled pods of any namespace is how the cluster's DNS is usually found.
            narrowed = direction == "egress" and not _every(peer, "podSelector")
            if spaces.value == {} and not narrowed:
                yield at(spaces, "is empty: all namespaces")


def _every(peer: Node, key: str) -> bool:
    """Whether a selector of a peer takes everything: it is empty, or not written."""
    written = dict(peer.fields()).get(key)
    return written is None or written.missing or written.value in ({}, {"matchLabels": {}})


@FAMILY.check(
    "all-pods",
    Severity.LOW,
    "A rule says which pods of a namespace it means",
    on=_POLICY,
    why="Every pod of the namespace is then a way in, also one that somebody starts to look around.",
    fix="Add a `podSelector` with the client's labels.",
    level="advisory",
)
def all_pods(item: Item, _: Facts) -> Iterator[Finding]:
    for _direction, _rule, peers in _peers(item):
        for peer in peers.each():
            block = "ipBlock" in dict(peer.fields())
            if isinstance(peer.value, dict) and not block and _every(peer, "podSelector"):
                yield at(peer.at("podSelector"), "is empty: all pods")


@FAMILY.check(
    "policy-types",
    Severity.MEDIUM,
    "A policy names the directions that it rules",
    on=_POLICY,
    why="Left out, egress stays open unless there is a rule for it.",
    fix="Set `policyTypes: [Ingress, Egress]`, and write the rules of both.",
)
def policy_types(item: Item, _: Facts) -> Iterator[Finding]:
    spec = item.body.at("spec")
    types = spec.at("policyTypes")
    if types.missing:
        yield at(types, "is not set")
    for name in ("Ingress", "Egress"):
        rules = spec.at(name.lower())
        if types.present and types.whole and rules.present and list(rules.each()) and name not in types.lines:
            yield at(types, f"lacks {name}, so its rules do nothing")
    if types.present and types.whole and "Ingress" not in types.lines and "Egress" not in types.lines:
        yield at(types, "names no direction")


@FAMILY.stack_check(
    "pod-covered",
    Severity.MEDIUM,
    "A workload has a NetworkPolicy of its own",
    why="Without one that names its peers, it is either cut off or, once the default is relaxed, open.",
    fix="Make a NetworkPolicy that selects the workload's labels.",
    parameters={"directions": Parameter(["Ingress", "Egress"], "Directions that must be ruled.")},
)
def pod_covered(stack: Stack, facts: Facts) -> Iterator[Finding]:
    policies = [
        item
        for item in stack.all(_POLICY)
        if item.body.at("spec", "podSelector").unknown
        or any(True for _ in item.body.at("spec", "podSelector").fields())
    ]
    for item in stack.items():
        for pod in item.pods:
            labels = pod.metadata.at("labels")
            if pod.spec.missing or pod.spec.partial or pod.operated or item.body.at("metadata", "namespace").unknown:
                continue
            ruled: set[str] = set()
            for policy in policies:
                spec = policy.body.at("spec")
                if policy.namespace == item.namespace and selects(spec.at("podSelector"), labels):
                    types = spec.at("policyTypes")
                    ruled |= set(types.lines) if types.present else {"Ingress"}
            for direction in facts.texts("directions"):
                if direction not in ruled:
                    yield Finding(pod.spec.path, f"no policy of its own rules {direction}", item.resource.urn)
