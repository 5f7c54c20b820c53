"""Lays out the state folder before a start: folders, keys, configuration, and the spec for PID 1."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from toolchain.node import files, linux, pki
from toolchain.node.errors import NodeError
from toolchain.node.layout import BRIDGE, INSIDE_LOGS, NODE_ADDRESS, REQUIRED_TOOLS, SERVICE_CIDR, NodeLayout
from toolchain.node.ports import Forward
from toolchain.node.processes import PACKAGE_ROOT, all_processes, digest
from toolchain.node.spec import NodeSpec

_LINKED_TO_NFT = ("iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore")
_PACKAGED = (
    "usr/bin/containerd",
    "usr/bin/containerd-shim-runc-v2",
    "usr/bin/docker-registry",
    "usr/sbin/ipset",
    "usr/sbin/nft",
    "usr/sbin/runc",
    "usr/sbin/xtables-nft-multi",
    "usr/lib/cni/bridge",
    "usr/lib/cni/host-local",
    "usr/lib/cni/loopback",
    "usr/lib/cni/portmap",
)
_PRIVATE = ("/run", "/var/lib", "/var/log", "/tmp", "/var/tmp")  # noqa: S108  # the node's own, empty
_PID_1_CODE = ("cgroups.py", "init.py", "inside.py", "linux.py", "modules.py", "spec.py", "supervisor.py")
_SOCKET_PATH_LIMIT = 107


def check(layout: NodeLayout) -> None:
    """Refuses a layout that cannot work.

    Raises:
        NodeError: Names every missing program, and a run folder that is too deep.
    """
    faults = [
        f"the program {name} is not at {layout.tools.get(name, 'any place')}"
        for name in REQUIRED_TOOLS
        if name not in layout.tools or not layout.tools[name].exists()
    ]
    faults += [
        f"{layout.debs_prefix / path} is missing" for path in _PACKAGED if not (layout.debs_prefix / path).exists()
    ]
    if len(str(layout.control_socket)) > _SOCKET_PATH_LIMIT:
        faults.append(f"{layout.control_socket} is longer than {_SOCKET_PATH_LIMIT} bytes, a unix socket's limit")
    if faults:
        raise NodeError("the node cannot be started:\n  " + "\n  ".join(faults), "`make up` builds the tools first")


def make_folders(layout: NodeLayout) -> None:
    """Makes the state's and the run's folders. Keys and volumes are root's alone."""
    for folder, _ in layout.disks:
        folder.mkdir(parents=True, exist_ok=True)
    for folder in (layout.state / "volumes", layout.pki, layout.config, layout.logs, layout.state / "etcd"):
        folder.chmod(0o700)
    layout.run.mkdir(parents=True, exist_ok=True)
    layout.run.chmod(0o700)


def _put(path: Path, text: str) -> None:
    if path.exists() and path.read_text() == text:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.touch(mode=0o600)
    part.write_text(text)
    part.rename(path)


def write_configuration(layout: NodeLayout) -> None:
    """Certificates and the configuration of every component; only what changed is written.

    Raises:
        NodeError: openssl is missing or refused.
    """
    pki.ensure(layout.pki, layout.name)
    config = layout.config
    restrict = not linux.has_capability(linux.CAP_SYS_RESOURCE)
    for name in ("controller-manager", "scheduler", "kubelet", "proxy", "router"):
        _put(config / f"{name}.kubeconfig", files.inside_kubeconfig(name))
    # Made once: a new key would make every Secret of the old one unreadable.
    if not (config / "encryption.json").exists():
        _put(config / "encryption.json", files.encryption(secrets.token_bytes(32)))
    if not (config / "registry.json").exists():
        _put(config / "registry.json", files.registry(secrets.token_hex(16)))
    _put(config / "audit-policy.json", files.audit_policy())
    _put(config / "containerd.toml", files.containerd(restrict_oom_score=restrict))
    for host in files.MIRRORED:
        _put(config / "certs.d" / host / "hosts.toml", files.hosts_toml())
    _put(config / "cni" / "10-pods.conflist", files.cni())
    _put(config / "kubelet.json", files.kubelet(layout.name, oom_score=0 if restrict else -999))
    _put(config / "proxy.json", files.kube_proxy(layout.name))
    _put(config / "resolv.conf", "# The node has no uplink: pods that do not use the cluster's DNS have none.\n")
    links = layout.run / "usr" / "sbin"
    links.mkdir(parents=True, exist_ok=True)
    for name in _LINKED_TO_NFT:
        link = links / name
        if not link.is_symlink():
            link.symlink_to("xtables-nft-multi")


def write_kubeconfig(layout: NodeLayout, port: int) -> None:
    """The administrator's kubeconfig for the host, with the forwarder's port."""
    read = [(layout.pki / name).read_bytes() for name in ("ca.crt", "admin.crt", "admin.key")]
    _put(layout.kubeconfig, files.host_kubeconfig(layout.name, port, *read))


def node_spec(layout: NodeLayout, forwards: Mapping[str, Forward]) -> NodeSpec:
    """What PID 1 is to mount and run; the configuration must have been written."""
    keep = {layout.state, layout.run, layout.debs_prefix, PACKAGE_ROOT, Path(sys.prefix), Path(sys.base_prefix)}
    keep |= {layout.tools[name].resolve().parent for name in REQUIRED_TOOLS}
    return NodeSpec(
        name=layout.name,
        code=digest([Path(__file__).parent], _PID_1_CODE),
        usr_layers=(str(layout.run / "usr"), str(layout.debs_prefix / "usr")),
        private=_PRIVATE,
        keep=tuple(sorted(str(path.resolve()) for path in keep)),
        binds=tuple((str(folder), inside) for folder, inside in layout.disks),
        fixed_files=files.KERNEL_SETTINGS,
        control_socket=str(layout.control_socket),
        init_record=str(layout.init_record),
        logs=INSIDE_LOGS,
        bridge=BRIDGE,
        address=NODE_ADDRESS,
        service_cidr=SERVICE_CIDR,
        processes=all_processes(layout, {name: (f.port, f.target) for name, f in forwards.items()}),
    )
