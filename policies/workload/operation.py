"""What keeps a pod from hurting others and from being hurt: bounds, probes, budgets, replicas, namespaces."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections.abc import Iterator

from policies.check import Facts, Family, Finding, Parameter, Severity, Stack, at, has_pods, kinds
from policies.items import Item
from policies.nodes import Node
from policies.workload.baseline import STANDARDS, containers

FAMILY = Family("workload", "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/")
_PROBES = "https://kubernetes.io/docs/concepts/configuration/liveness-readiness-startup-probes/"
_PODS = kinds("apps", "Deployment", "StatefulSet")
_BUDGET = "https://kubernetes.io/docs/tasks/run-application/configure-pdb/"
_NAMESPACE = kinds("", "Namespace")
_SYSTEM = ("kube-system", "kube-public", "kube-node-lease", "default")


def _bounds(name: str, part: str, title: str, why: str) -> None:
    @FAMILY.check(
        name,
        Severity.MEDIUM,
        title,
        on=has_pods,
        why=why,
        fix=f"Set `resources.{part}`.",
        parameters={"resources": Parameter(["cpu", "memory"], "What is asked for.")},
    )
    def bounds(item: Item, facts: Facts) -> Iterator[Finding]:
        for container in containers(item):
            if container.role == "ephemeral":
                continue
            for resource in facts.texts("resources"):
                node = container.node.at("resources", part, resource)
                whole = container.pod.spec.at("resources", part, resource)
                if node.missing and whole.missing:
                    yield at(node, "is not set")

    bounds.__name__ = name


_bounds(
    "requests", "requests", "A container says what it needs",
    "The scheduler puts pods onto nodes by what they ask for; what asks for nothing is evicted first.",
)  # fmt: skip
_bounds(
    "limits", "limits", "A container has an upper bound",
    "One leak or one loop takes the node's memory or CPU from all others.",
)  # fmt: skip


@FAMILY.check(
    "temporary-volume-limit",
    Severity.LOW,
    "An emptyDir has an upper bound",
    on=has_pods,
    link="https://kubernetes.io/docs/concepts/storage/volumes/#emptydir",
    why="It fills the node's disk, and the kubelet then evicts other pods too.",
    fix="Set `sizeLimit`.",
)
def temporary_volumes(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for volume in pod.spec.at("volumes").each():
            node = volume.at("emptyDir")
            if node.present and node.at("sizeLimit").missing:
                yield at(node.at("sizeLimit"), "is not set")


@FAMILY.check(
    "readiness-probe",
    Severity.MEDIUM,
    "A pod says when it is ready, and so does each container that lists a port",
    on=has_pods,
    link=_PROBES,
    why="Clients are sent to pods that do not answer yet, or no longer.",
    fix="Set `readinessProbe`.",
)
def readiness(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        running = [one for one in pod.containers() if one.runs_on and not (pod.runs_once or item.key[0] == "batch")]
        said = any(not one.node.at("readinessProbe").missing for one in running)
        for container in running:
            listed = any(True for _ in container.node.at("ports").each())
            if container.node.at("readinessProbe").missing and (listed or not said):
                yield at(container.node.at("readinessProbe"), "is not set")


@FAMILY.check(
    "liveness-probe",
    Severity.MEDIUM,
    "A container says when it hangs",
    on=has_pods,
    link=_PROBES,
    why="A process that hangs is never restarted.",
    fix="Set `livenessProbe`.",
)
def liveness(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        once = pod.runs_once or item.key[0] == "batch"
        for container in () if once else pod.containers():
            if container.runs_on and container.node.at("livenessProbe").missing:
                yield at(container.node.at("livenessProbe"), "is not set")


@FAMILY.check(
    "replicas",
    Severity.MEDIUM,
    "A server has more than one replica",
    on=_PODS,
    link="https://kubernetes.io/docs/concepts/workloads/pods/disruptions/",
    why="With one replica each drain and each rollout is an outage.",
    fix="Raise `replicas`, or list the workload's name in `single` if one is by design.",
    prod_only=True,
    parameters={
        "least": Parameter(2.0, "Replicas at least."),
        "single": Parameter(
            [
                "blackbox-exporter",
                "collector",
                "grafana",
                "jaeger",
                "kube-state-metrics",
                "model-store",
                "prometheus-operator",
                "responder",
            ],
            "Names of workloads that have one replica by design.",
        ),
    },
)
def replicas(item: Item, facts: Facts) -> Iterator[Finding]:
    node = item.body.at("spec", "replicas")
    number = 1.0 if node.missing else node.number
    if number is not None and number < facts.number("least") and item.name not in facts.texts("single"):
        yield at(node, f"is {int(number)}, below {int(facts.number('least'))}")


@FAMILY.stack_check(
    "disruption-budget",
    Severity.MEDIUM,
    "A server has a PodDisruptionBudget",
    link=_BUDGET,
    why="A node's drain may take all replicas at once.",
    fix="Make a PodDisruptionBudget with the workload's labels.",
    prod_only=True,
)
def disruption_budget(stack: Stack, _: Facts) -> Iterator[Finding]:
    budgets = [
        (one.namespace, one.body.at("spec", "selector")) for one in stack.all(kinds("policy", "PodDisruptionBudget"))
    ]
    for item in stack.all(_PODS):
        labels = item.body.at("spec", "template", "metadata", "labels")
        if item.body.partial or labels.unknown or item.body.at("spec", "replicas").number == 0:
            continue
        if not any(space == item.namespace and selects(selector, labels) for space, selector in budgets):
            yield Finding("", f"{item.kind} {item.name or item.resource.name} has none", item.resource.urn)


@FAMILY.check(
    "budget-lets-drain",
    Severity.MEDIUM,
    "A PodDisruptionBudget lets a node be drained",
    on=kinds("policy", "PodDisruptionBudget"),
    link=_BUDGET,
    why="A budget that never allows one blocks each upgrade of the cluster, until somebody deletes pods by force.",
    fix="Use `maxUnavailable: 1`.",
)
def budget_lets_drain(item: Item, _: Facts) -> Iterator[Finding]:
    most, least = item.body.at("spec", "maxUnavailable"), item.body.at("spec", "minAvailable")
    if most.number == 0 or most.text == "0%":
        yield at(most, "is 0")
    if least.text == "100%":
        yield at(least, "is 100%")


def selects(selector: Node, labels: Node) -> bool:
    """Whether a label selector takes these labels; unknowns count as a match, so that nothing is told wrongly."""
    if selector.unknown or labels.unknown:
        return True
    for key, node in selector.at("matchLabels").fields():
        have = labels.at(key)
        if not (node.unknown or have.unknown) and node.value != have.value:
            return False
    return all(_expression(node, labels) for node in selector.at("matchExpressions").each())


def _expression(node: Node, labels: Node) -> bool:
    key, values = node.at("key").text, node.at("values")
    if key is None or not values.whole:
        return True
    have = labels.at(key)
    if have.unknown:
        return True
    tests = {
        "In": have.text in values.lines,
        "NotIn": have.text not in values.lines,
        "Exists": have.present,
        "DoesNotExist": have.missing,
    }
    return tests.get(node.at("operator").text or "", True)


@FAMILY.check(
    "namespace-pod-security",
    Severity.HIGH,
    "A namespace refuses pods that are not restricted",
    on=_NAMESPACE,
    link=f"{STANDARDS}#restricted",
    why="What comes by another way than this program is checked by nobody else.",
    fix="Label it `pod-security.kubernetes.io/enforce: restricted`.",
    parameters={
        "levels": Parameter(["restricted"], "Levels that are enough."),
        "modes": Parameter(["enforce", "audit", "warn"], "Modes that must have such a level."),
    },
)
def namespace_level(item: Item, facts: Facts) -> Iterator[Finding]:
    labels = item.body.at("metadata", "labels")
    for mode in facts.texts("modes"):
        node = labels.at(f"pod-security.kubernetes.io/{mode}")
        if not node.unknown and node.text not in facts.texts("levels"):
            yield at(node, "is not set" if node.missing else f"is {node}")


@FAMILY.check(
    "namespace-pod-security-version",
    Severity.LOW,
    "A namespace pins the version of the Pod Security level",
    on=_NAMESPACE,
    link="https://kubernetes.io/docs/concepts/security/pod-security-admission/#pod-security-admission-labels-for-namespaces",
    why="With `latest` an upgrade of the cluster refuses pods that ran the day before.",
    fix="Label it `pod-security.kubernetes.io/enforce-version: v1.34`.",
    parameters={"modes": Parameter(["enforce", "audit", "warn"], "Modes that must have a version.")},
)
def namespace_version(item: Item, facts: Facts) -> Iterator[Finding]:
    labels = item.body.at("metadata", "labels")
    for mode in facts.texts("modes"):
        node = labels.at(f"pod-security.kubernetes.io/{mode}-version")
        if node.missing or node.text == "latest":
            yield at(node, "is not pinned")


def namespaces(stack: Stack) -> Iterator[Item]:
    """The namespaces that the stack makes, those of the cluster itself left out."""
    for item in stack.all(_NAMESPACE):
        if not item.body.partial and item.name is not None and item.name not in _SYSTEM:
            yield item


@FAMILY.stack_check(
    "namespace-bounds",
    Severity.MEDIUM,
    "A namespace has a ResourceQuota and a LimitRange",
    link="https://kubernetes.io/docs/concepts/policy/resource-quotas/",
    why="A loop that makes pods or volumes takes the whole cluster.",
    fix="Make both in the namespace.",
)
def namespace_bounds(stack: Stack, _: Facts) -> Iterator[Finding]:
    for kind in ("ResourceQuota", "LimitRange"):
        there = {
            item.namespace for item in stack.all(kinds("", kind)) if not item.body.at("metadata", "namespace").unknown
        }
        maybe = any(item.body.at("metadata", "namespace").unknown for item in stack.all(kinds("", kind)))
        for item in namespaces(stack):
            if item.name not in there and not maybe:
                yield Finding("", f"namespace {item.name} has no {kind}", item.resource.urn)


@FAMILY.check(
    "quota-keeps-inside",
    Severity.LOW,
    "A namespace's quota allows no NodePort and no LoadBalancer",
    on=kinds("", "ResourceQuota"),
    link="https://kubernetes.io/docs/concepts/policy/resource-quotas/#object-count-quota",
    why="Whoever may make Services there opens them to the outside.",
    fix="Set `services.nodeports` and `services.loadbalancers` to 0, or list those that are meant in `outside`.",
    parameters={"outside": Parameter([], "Namespaces that are meant to be reached from outside.")},
)
def quota_keeps_inside(item: Item, facts: Facts) -> Iterator[Finding]:
    hard = item.body.at("spec", "hard")
    if item.namespace in facts.texts("outside"):
        return
    for name in ("services.nodeports", "services.loadbalancers"):
        node = hard.at(name)
        if node.missing or (node.present and node.number != 0):
            yield at(node, "is not set" if node.missing else f"is {node}")
