"""Pod Security Standards, level restricted, as of Kubernetes 1.34, and what this project asks for besides."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections.abc import Iterator

from policies.check import Facts, Family, Finding, Parameter, Severity, at, has_pods
from policies.items import Item
from policies.workload.baseline import STANDARDS, containers, contexts

FAMILY = Family("workload", f"{STANDARDS}#restricted")
_CONTEXT = "https://kubernetes.io/docs/tasks/configure-pod-container/security-context/"
_VOLUMES = frozenset(
    {
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
        "secret",
    }
)  # fmt: skip


@FAMILY.check(
    "volume-types",
    Severity.MEDIUM,
    "A pod mounts only volumes that say nothing about the node or the storage's address",
    on=has_pods,
    why="nfs, iscsi, rbd and the like let a pod's author choose any server and share.",
    fix="Use a PersistentVolumeClaim.",
)
def volume_types(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for volume in pod.spec.at("volumes").each():
            for name, node in volume.fields():
                if name not in _VOLUMES and name not in ("name", "hostPath") and not node.missing:
                    yield at(node, f"is of type {name}")


@FAMILY.check(
    "privilege-escalation",
    Severity.HIGH,
    "A container gains no rights while it runs",
    on=has_pods,
    why="A setuid program in the image makes root of the user it runs as.",
    fix="Set `allowPrivilegeEscalation: false`.",
)
def privilege_escalation(item: Item, _: Facts) -> Iterator[Finding]:
    for container in containers(item):
        node = container.security("allowPrivilegeEscalation")
        if container.pod.maybe_windows or node.unknown or node.is_(False):
            continue
        yield at(node, "must be false")


@FAMILY.check(
    "run-as-non-root",
    Severity.HIGH,
    "A container refuses to run as root",
    on=has_pods,
    why="Root in the container is root in the kernel's eyes once it gets out.",
    fix="Set `runAsNonRoot: true` in the pod's security context.",
)
def run_as_non_root(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        if pod.own_users:
            continue
        whole = pod.security("runAsNonRoot")
        if not whole.missing and not whole.unknown and not whole.is_(True):
            yield at(whole, "must be true")
        if pod.operated and whole.missing:
            yield at(whole, "must be true")
        for container in pod.containers():
            own = container.security("runAsNonRoot")
            if own.missing and whole.missing:
                yield at(own, "must be true, here or in the pod's security context")
            elif own.present and not own.is_(True):
                yield at(own, "must be true")


@FAMILY.check(
    "run-as-root-user",
    Severity.HIGH,
    "Nothing asks for user 0",
    on=has_pods,
    why="It is root.",
    fix="Use another number; this project's images use 1001.",
)
def run_as_user(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for context in contexts(pod):
            node = context.at("runAsUser")
            if node.number == 0 and not pod.own_users:
                yield at(node, "is 0")


@FAMILY.check(
    "seccomp",
    Severity.MEDIUM,
    "A container runs under a seccomp profile",
    on=has_pods,
    why="Without a profile each system call is open, also those with holes in them.",
    fix="Set `seccompProfile: {type: RuntimeDefault}` in the pod's security context.",
)
def seccomp(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        whole = pod.security("seccompProfile", "type")
        if pod.maybe_windows or whole.present or whole.unknown:
            continue
        if pod.operated:
            yield at(whole, "must be set")
        for container in pod.containers():
            own = container.security("seccompProfile", "type")
            if own.missing:
                yield at(own, "must be set, here or in the pod's security context")


@FAMILY.check(
    "drop-capabilities",
    Severity.MEDIUM,
    "A container drops all capabilities, and adds at most NET_BIND_SERVICE",
    on=has_pods,
    why="The runtime's usual set holds NET_RAW, SETUID, CHOWN and others that a server does not need.",
    fix="Set `capabilities: {drop: [ALL]}`.",
    parameters={"allowAdd": Parameter(["NET_BIND_SERVICE"], "Capabilities that may be added.")},
)
def drop_capabilities(item: Item, facts: Facts) -> Iterator[Finding]:
    for container in containers(item):
        if container.pod.maybe_windows:
            continue
        drop = container.security("capabilities", "drop")
        if drop.whole and "ALL" not in drop.lines:
            yield at(drop, "must have ALL")
        for node in container.security("capabilities", "add").each():
            if node.text is not None and node.text not in facts.texts("allowAdd"):
                yield at(node, f"adds {node}")


@FAMILY.check(
    "read-only-root",
    Severity.MEDIUM,
    "A container cannot write to its own files",
    on=has_pods,
    link=_CONTEXT,
    why="Whoever breaks in replaces programs, and writes what nobody looks at.",
    fix="Set `readOnlyRootFilesystem: true` and mount an emptyDir where the program writes.",
)
def read_only_root(item: Item, _: Facts) -> Iterator[Finding]:
    for container in containers(item):
        node = container.security("readOnlyRootFilesystem")
        if not (container.pod.maybe_windows or node.unknown or node.is_(True)):
            yield at(node, "must be true")


@FAMILY.check(
    "root-group",
    Severity.LOW,
    "A pod's groups are not root's",
    on=has_pods,
    link=_CONTEXT,
    why="Files of the image and of volumes are often writable for group 0, which an unset `runAsGroup` is.",
    fix="Set `runAsGroup` and `fsGroup` to the user's number.",
)
def root_group(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        whole = pod.security("runAsGroup")
        for context in contexts(pod):
            for name in ("runAsGroup", "fsGroup"):
                if context.at(name).number == 0:
                    yield at(context.at(name), "is 0")
            for node in context.at("supplementalGroups").each():
                if node.number == 0:
                    yield at(node, "is 0")
        if whole.missing and not pod.maybe_windows and not pod.own_users and not pod.operated:
            for container in pod.containers():
                if container.security("runAsGroup").missing:
                    yield at(whole, "must be set, or each container's")
                    break


@FAMILY.check(
    "run-as-user",
    Severity.LOW,
    "A pod says which user it runs as",
    on=has_pods,
    link=_CONTEXT,
    why="Else the image decides, and the owner of files on its volumes changes with it.",
    fix="Set `runAsUser` in the pod's security context.",
)
def says_user(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        whole = pod.security("runAsUser")
        if not whole.missing or pod.maybe_windows or pod.operated:
            continue
        for container in pod.containers():
            if container.security("runAsUser").missing:
                yield at(whole, "must be set, or each container's")
                break


@FAMILY.check(
    "volume-group",
    Severity.LOW,
    "A pod with a volume says which group owns it",
    on=has_pods,
    link=_CONTEXT,
    why="A fresh volume belongs to root: a pod that is not root cannot write to it, and the usual way out is root.",
    fix="Set `fsGroup` in the pod's security context.",
)
def volume_group(item: Item, _: Facts) -> Iterator[Finding]:
    templates = item.body.at("spec", "volumeClaimTemplates")
    for pod in item.pods:
        claims = [one.at("persistentVolumeClaim") for one in pod.spec.at("volumes").each()]
        writes = any(one.present and not one.at("readOnly").is_(True) for one in claims) or bool(list(templates.each()))
        if writes and pod.security("fsGroup").missing and not pod.maybe_windows and not pod.operated:
            yield at(pod.security("fsGroup"), "must be set")


@FAMILY.check(
    "service-links",
    Severity.LOW,
    "A pod does not get each Service as variables",
    on=has_pods,
    link="https://kubernetes.io/docs/tutorials/services/connect-applications-service/#accessing-the-service",
    why="They show a broken-into pod what else there is, and a Service named `ollama` sets OLLAMA_PORT.",
    fix="Set `enableServiceLinks: false`.",
)
def service_links(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        node = pod.spec.at("enableServiceLinks")
        if not (node.unknown or node.is_(False) or pod.operated):
            yield at(node, "must be false")


@FAMILY.check(
    "shared-processes",
    Severity.MEDIUM,
    "Containers of a pod do not see each other's processes",
    on=has_pods,
    link="https://kubernetes.io/docs/tasks/configure-pod-container/share-process-namespace/",
    why="Each then reads the others' environment and files by /proc.",
    fix="Take `shareProcessNamespace` away.",
)
def shared_processes(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        if pod.spec.at("shareProcessNamespace").is_(True):
            yield at(pod.spec.at("shareProcessNamespace"), "is true")
