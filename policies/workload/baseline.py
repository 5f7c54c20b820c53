"""Pod Security Standards, level baseline, as of Kubernetes 1.34: each control for every kind that holds a pod."""

# ruff: noqa: D103 - what a check is for stands in its decorator

from __future__ import annotations

from collections.abc import Iterator

from policies.check import Facts, Family, Finding, Severity, at, has_pods
from policies.items import Item
from policies.nodes import Node
from policies.pods import Container, Pod

STANDARDS = "https://kubernetes.io/docs/concepts/security/pod-security-standards/"
FAMILY = Family("workload", f"{STANDARDS}#baseline")

_CAPABILITIES = frozenset(
    {
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
    }
)  # fmt: skip
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_SYSCTLS = frozenset(
    {
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies",
        "net.ipv4.ping_group_range",
        "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports", "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    }
)  # fmt: skip
_APPARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"


def containers(item: Item) -> Iterator[Container]:
    """Of every pod in the object."""
    for pod in item.pods:
        yield from pod.containers()


def contexts(pod: Pod) -> Iterator[Node]:
    """The security contexts of the pod and of its containers."""
    yield pod.spec.at("securityContext")
    for container in pod.containers():
        yield container.security()


@FAMILY.check(
    "privileged",
    Severity.CRITICAL,
    "A container is not privileged",
    on=has_pods,
    why="A privileged container has every device and capability of the node: it is root on it.",
    fix="Take `privileged` away; grant a device by a device plugin.",
)
def privileged(item: Item, _: Facts) -> Iterator[Finding]:
    for container in containers(item):
        if container.security("privileged").is_(True):
            yield at(container.security("privileged"), "is true")


@FAMILY.check(
    "host-namespaces",
    Severity.CRITICAL,
    "A pod does not share the node's network, processes or memory",
    on=has_pods,
    why="It then reads other pods' traffic and environment, and reaches what listens on the node's loopback.",
    fix="Take `hostNetwork`, `hostPID`, `hostIPC` away.",
)
def host_namespaces(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.at(name).is_(True):
                yield at(pod.spec.at(name), "is true")


@FAMILY.check(
    "host-path",
    Severity.CRITICAL,
    "A pod mounts no folder of the node",
    on=has_pods,
    why="The container runtime's socket, the kubelet's keys and other pods' volumes are files of the node.",
    fix="Use a PersistentVolumeClaim, an emptyDir, or a projected volume.",
)
def host_path(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for volume in pod.spec.at("volumes").each():
            if volume.at("hostPath").present:
                yield at(volume.at("hostPath"), "is a folder of the node")


@FAMILY.check(
    "host-ports",
    Severity.HIGH,
    "A container takes no port of the node",
    on=has_pods,
    why="The port is open on the node's addresses, past Services and most NetworkPolicies.",
    fix="Use a Service.",
)
def host_ports(item: Item, _: Facts) -> Iterator[Finding]:
    for container in containers(item):
        for port in container.node.at("ports").each():
            if port.at("hostPort").number:
                yield at(port.at("hostPort"), f"is {port.at('hostPort')}")


@FAMILY.check(
    "capabilities-add",
    Severity.HIGH,
    "A container adds no capability beyond the runtime's usual ones",
    on=has_pods,
    why="SYS_ADMIN, NET_ADMIN, SYS_PTRACE and others lead out of the container.",
    fix="Take it from `capabilities.add`.",
)
def capabilities_add(item: Item, _: Facts) -> Iterator[Finding]:
    for container in containers(item):
        for node in container.security("capabilities", "add").each():
            if node.text is not None and node.text not in _CAPABILITIES:
                yield at(node, f"adds {node}")


@FAMILY.check(
    "proc-mount",
    Severity.HIGH,
    "A container sees the masked /proc",
    on=has_pods,
    why="Unmasked, it reads the kernel's keys and writes its settings.",
    fix="Take `procMount` away.",
)
def proc_mount(item: Item, _: Facts) -> Iterator[Finding]:
    for container in containers(item):
        node = container.security("procMount")
        # The level restricted asks for it with `hostUsers: false` too.
        if node.text not in (None, "Default"):
            yield at(node, f"is {node}")


@FAMILY.check(
    "selinux",
    Severity.HIGH,
    "A pod keeps the SELinux type of containers",
    on=has_pods,
    why="Another type, user or role may be one that is not confined.",
    fix="Use container_t, container_init_t, container_kvm_t or container_engine_t, and neither user nor role.",
)
def selinux(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for context in contexts(pod):
            options = context.at("seLinuxOptions")
            if options.at("type").text is not None and options.at("type").text not in _SELINUX_TYPES:
                yield at(options.at("type"), f"is {options.at('type')}")
            for name in ("user", "role"):
                if options.at(name).text:
                    yield at(options.at(name), "is set")


@FAMILY.check(
    "apparmor",
    Severity.HIGH,
    "A pod does not switch AppArmor off",
    on=has_pods,
    why="Unconfined, the container may mount, trace and write what the profile keeps from it.",
    fix="Use RuntimeDefault, or Localhost with a profile of yours.",
)
def apparmor(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for context in contexts(pod):
            node = context.at("appArmorProfile", "type")
            if node.text not in (None, "RuntimeDefault", "Localhost"):
                yield at(node, f"is {node}")
        for name, node in pod.metadata.at("annotations").fields():
            text = node.text
            if name.startswith(_APPARMOR) and text and text != "runtime/default" and not text.startswith("localhost/"):
                yield at(node, f"is {node}")


@FAMILY.check(
    "seccomp-unconfined",
    Severity.HIGH,
    "A pod does not switch seccomp off",
    on=has_pods,
    why="Every system call of the kernel is then open to a container's attacker.",
    fix="Use RuntimeDefault.",
)
def seccomp_unconfined(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for context in contexts(pod):
            node = context.at("seccompProfile", "type")
            if node.text not in (None, "RuntimeDefault", "Localhost"):
                yield at(node, f"is {node}")
        for name, node in pod.metadata.at("annotations").fields():
            if (name == _SECCOMP_POD or name.startswith(_SECCOMP_CONTAINER)) and node.text == "unconfined":
                yield at(node, "is unconfined")


@FAMILY.check(
    "sysctls",
    Severity.HIGH,
    "A pod sets only kernel settings that are its own",
    on=has_pods,
    why="Others hold for the node, or crash it.",
    fix="Take it away, or set it on the node.",
)
def sysctls(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for node in pod.security("sysctls").each():
            name = node.at("name")
            # The kubelet reads slashes as dots.
            if name.text is not None and name.text.replace("/", ".") not in _SYSCTLS:
                yield at(name, f"is {name}")


@FAMILY.check(
    "host-process",
    Severity.CRITICAL,
    "A Windows pod does not run as a process of the node",
    on=has_pods,
    why="Such a container has the node's whole access.",
    fix="Take `windowsOptions.hostProcess` away.",
)
def host_process(item: Item, _: Facts) -> Iterator[Finding]:
    for pod in item.pods:
        for context in contexts(pod):
            node = context.at("windowsOptions", "hostProcess")
            if node.is_(True):
                yield at(node, "is true")


@FAMILY.check(
    "probe-host",
    Severity.MEDIUM,
    "Probes and lifecycle hooks ask the pod itself",
    on=has_pods,
    why="The kubelet sends them: with `host` they reach anything that the node reaches.",
    fix="Take `host` away.",
)
def probe_host(item: Item, _: Facts) -> Iterator[Finding]:
    for container in containers(item):
        handlers = [container.node.at(name) for name in ("livenessProbe", "readinessProbe", "startupProbe")]
        handlers += [container.node.at("lifecycle", name) for name in ("postStart", "preStop")]
        for handler in handlers:
            for way in ("httpGet", "tcpSocket"):
                host = handler.at(way, "host")
                if host.text:
                    yield at(host, f"is {host}")
