"""The node's cgroups: one folder in every hierarchy (v1), or one in the only hierarchy (v2)."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from toolchain.node.errors import NodeError

SYSTEM = "system"
VERSION_2 = 2
_MOUNT_POINT = 4  # field of a line of mountinfo
_V2_CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")


@dataclass(frozen=True)
class Hierarchy:
    """A mounted cgroup hierarchy.

    Attributes:
        mount: Its mount point.
        version: 1 or 2.
        controllers: Names for v1 (``name=systemd`` counts as one); empty for v2.
    """

    mount: Path
    version: int
    controllers: tuple[str, ...] = ()


def parse_mounts(mountinfo: str) -> list[Hierarchy]:
    """Hierarchies in the text of ``/proc/self/mountinfo``, each once."""
    found: dict[tuple[int, tuple[str, ...]], Hierarchy] = {}
    for line in mountinfo.splitlines():
        left, _, right = line.partition(" - ")
        fields, tail = left.split(" "), right.split(" ")
        if tail[0] not in ("cgroup", "cgroup2"):
            continue
        mount = Path(fields[_MOUNT_POINT].replace("\\040", " "))
        if tail[0] == "cgroup2":
            hierarchy = Hierarchy(mount, VERSION_2)
        else:
            generic = {"rw", "ro", "xattr", "clone_children", "noprefix"}
            options = [o for o in tail[2].split(",") if o not in generic and not o.startswith("release_agent=")]
            hierarchy = Hierarchy(mount, 1, tuple(sorted(options)))
        found.setdefault((hierarchy.version, hierarchy.controllers), hierarchy)
    return list(found.values())


def hierarchies() -> list[Hierarchy]:
    """The hierarchies mounted here."""
    return parse_mounts(Path("/proc/self/mountinfo").read_text())


def create(name: str, found: Iterable[Hierarchy]) -> None:
    """Makes the node's cgroup and its child for system processes in every hierarchy.

    Raises:
        NodeError: A hierarchy cannot be written to.
    """
    for hierarchy in found:
        top = hierarchy.mount / name
        try:
            _make(hierarchy, top)
            _make(hierarchy, top / SYSTEM)
        except OSError as error:
            raise NodeError(
                f"cannot make the cgroup {top}: {error.strerror}",
                "run as root on a machine whose cgroup file systems are mounted read-write",
            ) from error


def _make(hierarchy: Hierarchy, folder: Path) -> None:
    if hierarchy.version == VERSION_2:
        _enable_controllers(folder.parent)
    folder.mkdir(exist_ok=True)
    if "cpuset" in hierarchy.controllers:
        # A new v1 cpuset is empty and refuses every process until it has CPUs and memory nodes.
        for file in ("cpuset.cpus", "cpuset.mems"):
            if not (folder / file).read_text().strip():
                (folder / file).write_text((folder.parent / file).read_text())


def _enable_controllers(folder: Path) -> None:
    """Gives a v2 cgroup's children the controllers that kubelet needs, as far as they are there."""
    available = (folder / "cgroup.controllers").read_text().split()
    for controller in _V2_CONTROLLERS:
        if controller in available:
            (folder / "cgroup.subtree_control").write_text(f"+{controller}")


def join(name: str, found: Iterable[Hierarchy], pid: int) -> None:
    """Moves a process, and so all that it starts, into the system child of the node's cgroup."""
    for hierarchy in found:
        (hierarchy.mount / name / SYSTEM / "cgroup.procs").write_text(str(pid))


def folders(name: str, found: Iterable[Hierarchy]) -> list[Path]:
    """The node's cgroup folders that exist, deepest first."""
    result: list[Path] = []
    for hierarchy in found:
        top = hierarchy.mount / name
        if top.is_dir():
            below = [path for path in top.rglob("*") if path.is_dir()]
            result += sorted(below, key=lambda path: len(path.parts), reverse=True)
            result.append(top)
    return result


def pids(name: str, found: Iterable[Hierarchy]) -> set[int]:
    """Processes in the node's cgroups, in the caller's process id namespace."""
    result: set[int] = set()
    for folder in folders(name, found):
        try:
            result |= {int(line) for line in (folder / "cgroup.procs").read_text().split()}
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENODEV):
                raise
    return result - {0}


def remove(name: str, found: Iterable[Hierarchy], timeout_s: float = 10.0) -> list[Path]:
    """Removes the whole tree; the last processes may still be dying, so it tries for a while.

    Returns:
        The folders that could not be removed; empty when all is gone.
    """
    hierarchies_ = list(found)
    deadline = time.monotonic() + timeout_s
    while True:
        left: list[Path] = []
        for folder in folders(name, hierarchies_):
            try:
                folder.rmdir()
            except FileNotFoundError:
                continue
            except OSError:
                left.append(folder)
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)
