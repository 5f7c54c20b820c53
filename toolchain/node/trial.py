"""Can this machine run a node? Does once, in throw-away namespaces, what a node needs.

``python -m toolchain.node.trial FOLDER`` prints a JSON list of ``[what, fix]``; ``FOLDER`` lies on
the disk that will hold the containers. Behaviour counts and no kernel configuration is read: a
container or a security module may forbid what the kernel could do.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from toolchain.node import cgroups, linux, modules
from toolchain.node.errors import NodeError

Fault = tuple[str, str]

_NAMESPACES = (
    ("mount", linux.CLONE_NEWNS),
    ("network", linux.CLONE_NEWNET),
    ("host name", linux.CLONE_NEWUTS),
    ("IPC", linux.CLONE_NEWIPC),
)
_V1_CONTROLLERS = ("cpu", "cpuacct", "cpuset", "devices", "freezer", "memory", "pids")
_V2_CONTROLLERS = ("cpu", "cpuset", "memory", "pids")
_PRIVILEGE = "run as root outside of a container, or in a privileged one"
_NETLINK_NETFILTER = 12
_NF_TABLES = (10, 16, "nf_tables (the Services' rules)")  # subsystem, NFT_MSG_GETGEN
_IP_SET = (6, 1, "ip_set (the network policies' rules)")  # subsystem, IPSET_CMD_PROTOCOL
_MISSING = (errno.EINVAL, errno.EOPNOTSUPP, errno.EPROTONOSUPPORT)
_NLMSG_ERROR = 2


def cgroup_faults(found: list[cgroups.Hierarchy], name: str) -> list[Fault]:
    """What is wrong with the cgroups; makes and removes one in every hierarchy."""
    v1 = {controller for hierarchy in found for controller in hierarchy.controllers}
    if "memory" in v1:
        missing = [controller for controller in _V1_CONTROLLERS if controller not in v1]
    else:
        roots = [hierarchy.mount for hierarchy in found if hierarchy.version == cgroups.VERSION_2]
        there = (roots[0] / "cgroup.controllers").read_text().split() if roots else []
        missing = [controller for controller in _V2_CONTROLLERS if controller not in there]
    if missing:
        fix = "mount the cgroup file systems below /sys/fs/cgroup; a kernel option may disable one (cgroup_disable=)"
        return [(f"the cgroup controllers {', '.join(missing)} are not there", fix)]
    try:
        cgroups.create(name, found)
    except NodeError as error:
        return [(str(error).splitlines()[0], error.hint)]
    finally:
        cgroups.remove(name, found)
    return []


def netfilter_speaks(subsystem: int, command: int) -> bool:
    """Whether the kernel knows a netfilter subsystem; asking loads its module."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as link:
        link.settimeout(2)
        header = struct.pack("=IHHII", 20, subsystem << 8 | command, 1, 1, 0)
        link.send(header + struct.pack("=BBH", socket.AF_INET, 0, 0))
        answer = link.recv(4096)
    kind = struct.unpack_from("=H", answer, 4)[0]
    code = -struct.unpack_from("=i", answer, 16)[0] if kind == _NLMSG_ERROR else 0
    return code not in _MISSING


def namespace_faults() -> list[Fault]:
    """Moves this process into new namespaces and says which it may not make."""
    faults: list[Fault] = []
    for name, flag in _NAMESPACES:
        try:
            linux.unshare(flag)
        except OSError as error:
            faults.append((f"a new {name} namespace cannot be made ({error.strerror})", _PRIVILEGE))
    return faults


def mount_faults(folder: Path) -> list[Fault]:
    """Mounts what a node mounts, below ``folder``, in this process's own mount namespace."""
    faults: list[Fault] = []
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    names = ("lower", "upper", "work", "merged", "tmpfs", "sysfs")
    for name in names:
        (folder / name).mkdir()
    layers = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
    for what, arguments, fix in (
        (
            f"overlay on the file system of {folder.parent}",
            ("overlay", folder / "merged", "overlay", 0, layers),
            "put the checkout on ext4, xfs or btrfs (an overlay or network file system cannot hold containers)",
        ),
        ("a tmpfs", ("tmpfs", folder / "tmpfs", "tmpfs", 0, ""), _PRIVILEGE),
        ("a sysfs", ("sysfs", folder / "sysfs", "sysfs", 0, ""), _PRIVILEGE),
    ):
        try:
            linux.mount(*arguments)
        except OSError as error:
            faults.append((f"{what} cannot be mounted ({error.strerror})", fix))
    return faults


def network_faults() -> list[Fault]:
    """Makes the node's kinds of interfaces in this process's own network namespace."""
    faults: list[Fault] = []
    for command, what in (
        ("link add trial0 type bridge", "a bridge"),
        ("link add trial1 type veth peer name trial2", "a veth pair (the pods' interfaces)"),
    ):
        made = subprocess.run(["ip", *command.split()], capture_output=True, text=True, check=False)
        if made.returncode != 0:
            fix = "use a kernel with bridge and veth (CONFIG_BRIDGE, CONFIG_VETH)"
            faults.append((f"{what} cannot be made ({made.stderr.strip()})", fix))
    if not modules.bridge_filter_available():
        fix = "use a kernel with CONFIG_BRIDGE_NETFILTER, or install the module br_netfilter"
        faults.append(("packets between pods cannot be filtered: br_netfilter is missing", fix))
    for subsystem, command, what in (_NF_TABLES, _IP_SET):
        if not netfilter_speaks(subsystem, command):
            fix = "use a kernel with CONFIG_NF_TABLES, CONFIG_NFT_COMPAT and CONFIG_IP_SET"
            faults.append((f"the kernel lacks {what}", fix))
    return faults


def process_id_faults() -> list[Fault]:
    """The last trial: afterwards this process can start one child only."""
    try:
        linux.unshare(linux.CLONE_NEWPID)
    except OSError as error:
        return [(f"a new process id namespace cannot be made ({error.strerror})", _PRIVILEGE)]
    return []


def run(folder: Path) -> list[Fault]:
    """Every trial that can be made; later ones need the earlier ones' namespaces."""
    faults = cgroup_faults(cgroups.hierarchies(), f"echorator-trial-{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="trial-", dir=folder) as scratch:
        missing = namespace_faults()
        if missing:
            return faults + missing
        faults += mount_faults(Path(scratch))
        if shutil.which("ip") is not None:
            faults += network_faults()
        for name in ("merged", "tmpfs", "sysfs"):
            subprocess.run(["umount", str(Path(scratch, name))], capture_output=True, check=False)
    return faults + process_id_faults()


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))))
