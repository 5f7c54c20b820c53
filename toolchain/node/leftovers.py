"""Finds what a node left on the host. After ``down`` there must be nothing."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from toolchain.node import cgroups
from toolchain.node.layout import BRIDGE, NODE_ADDRESS, NodeLayout

_MOUNT_POINT = 4  # field of a line of mountinfo
_MARK = b"toolchain.node."


def mounts_of(mountinfo: str, paths: tuple[str, ...]) -> list[str]:
    """Mount points in the text of a mountinfo at or below any of the paths."""
    result: list[str] = []
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) > _MOUNT_POINT:
            point = fields[_MOUNT_POINT].encode().decode("unicode_escape")
            if any(Path(point).is_relative_to(path) for path in paths):
                result.append(point)
    return result


def interfaces_of(ip_json: str) -> list[str]:
    """Interfaces in the output of ``ip -j address`` that carry the node's bridge name or address."""
    return [
        link["ifname"]
        for link in json.loads(ip_json)
        if link.get("ifname") == BRIDGE
        or any(address.get("local") == NODE_ADDRESS for address in link.get("addr_info", []))
    ]


def processes_of(run: Path) -> dict[int, str]:
    """Processes of this package that name the node's run folder on their command line."""
    result: dict[int, str] = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            line = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if _MARK in line and f"{run}/".encode() in line:
            result[int(folder.name)] = line.replace(b"\0", b" ").decode(errors="replace").strip()
    return result


def leftovers(layout: NodeLayout) -> list[str]:
    """Everything of a node that is still on the host, one line each; empty after ``down``.

    It looks for processes, cgroups, mounts, interfaces and sockets. Firewall rules live in the
    node's network namespace, which is gone once no process is in it and no mount holds it.
    """
    found = cgroups.hierarchies()
    result = [f"process {pid} in the cgroup {layout.name}" for pid in sorted(cgroups.pids(layout.name, found))]
    result += [f"process {pid}: {line}" for pid, line in sorted(processes_of(layout.run).items())]
    result += [f"cgroup {folder}" for folder in cgroups.folders(layout.name, found)]
    mountinfo = Path("/proc/self/mountinfo").read_text()
    result += [f"mount {point}" for point in mounts_of(mountinfo, (str(layout.state), str(layout.run)))]
    links = subprocess.run(["ip", "-j", "address"], capture_output=True, text=True, check=True)
    result += [f"interface {name}" for name in interfaces_of(links.stdout)]
    if layout.run.exists():
        result += [f"file {path}" for path in sorted(layout.run.rglob("*"))] or [f"folder {layout.run}"]
    return result
