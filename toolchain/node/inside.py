"""Furnishes the node's fresh mount and network namespaces. Runs as its PID 1."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from toolchain.node import linux
from toolchain.node.spec import NodeSpec

_USR_FOLDERS = ("bin", "sbin", "lib", "libexec")


def furnish(spec: NodeSpec) -> None:
    """Mounts, host name and network of the node.

    Raises:
        OSError: The kernel refused a mount.
        subprocess.CalledProcessError: ``ip`` refused a link, address or route.
    """
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    linux.mount("proc", "/proc", "proc", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    for folder in _USR_FOLDERS:
        _overlay_usr(folder, spec.usr_layers)
    for target in spec.private:
        _private_tmpfs(Path(target), spec)
    _own_sysfs(Path(spec.private[0]))
    _fixed_files(spec)
    # By construction nothing in the node writes to the host's disk outside of the state folder.
    linux.mount("none", "/", flags=linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY)
    # kubelet's and containerd's mounts must reach the pods' namespaces, and none reaches the host.
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_SHARED)
    socket.sethostname(spec.name)
    _network(spec)


def _overlay_usr(folder: str, layers: tuple[str, ...]) -> None:
    lower = [f"{layer}/{folder}" for layer in layers if Path(layer, folder).is_dir()]
    host = Path("/usr", folder)
    if lower and host.is_dir():
        options = "lowerdir=" + ":".join([*lower, str(host)])
        linux.mount("overlay", host, "overlay", linux.MS_NODEV, options)


def _private_tmpfs(target: Path, spec: NodeSpec) -> None:
    """An empty tmpfs in place of ``target``, with what the node needs below it bound back.

    It is filled beside the tree and moved into place, since the host's paths vanish under it.
    """
    real = target.resolve()
    stage = Path(spec.control_socket).with_name("stage")
    stage.mkdir(exist_ok=True)
    linux.mount(
        "tmpfs", stage, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=1777" if target.name == "tmp" else "mode=755"
    )
    for path in spec.keep:
        if Path(path).is_relative_to(real) and Path(path).exists():
            _bind(path, stage / Path(path).relative_to(real))
    for source, inside in spec.binds:
        if Path(inside).is_relative_to(target):
            _bind(source, stage / Path(inside).relative_to(target))
    linux.mount(str(stage), real, flags=linux.MS_MOVE)


def _bind(source: str, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    linux.mount(source, target, flags=linux.MS_BIND | linux.MS_REC)


def _own_sysfs(scratch: Path) -> None:
    """A sysfs of the new network namespace, with the host's cgroups and other mounts below it."""
    stage = scratch / "sys"
    stage.mkdir()
    linux.mount("/sys/fs/cgroup", stage, flags=linux.MS_BIND | linux.MS_REC)
    linux.mount("sysfs", "/sys", "sysfs", linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC)
    linux.mount(str(stage), "/sys/fs/cgroup", flags=linux.MS_MOVE)
    stage.rmdir()


def _fixed_files(spec: NodeSpec) -> None:
    folder = Path(spec.private[0], "fixed")
    folder.mkdir()
    for index, (path, content) in enumerate(spec.fixed_files):
        if Path(path).exists():
            copy = folder / str(index)
            copy.write_text(content + "\n")
            linux.mount(str(copy), path, flags=linux.MS_BIND)


def _network(spec: NodeSpec) -> None:
    for command in (
        "link set lo up",
        f"link add {spec.bridge} type bridge",
        f"address add {spec.address}/32 dev {spec.bridge}",
        f"link set {spec.bridge} up",
        # Without a route the kernel refuses a Service's address before kube-proxy can rewrite it.
        f"route add {spec.service_cidr} dev {spec.bridge}",
        # No uplink: a call to the outside fails at once and does not wait for a timeout.
        "route add unreachable default",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    for key in ("ipv4/ip_forward", "bridge/bridge-nf-call-iptables"):
        Path("/proc/sys/net", key).write_text("1\n")
