"""Proves that cgroup hierarchies are told apart in a mountinfo, and that a tree is made and removed.

The version 2 tree is made of plain folders here: the kernel's own rules are not exercised. The version 1
trees of a real machine are, wherever a node runs (tests/integration).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.node import cgroups
from toolchain.node.cgroups import Hierarchy
from toolchain.node.errors import NodeError

HYBRID = """\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid shared:9 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,release_agent=/lib/agent,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
52 31 0:32 / /mnt/again rw,relatime - cgroup cgroup rw,memory
"""
UNIFIED = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:4 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n"


def test_hybrid_machine_has_each_hierarchy_once() -> None:
    assert cgroups.parse_mounts(HYBRID) == [
        Hierarchy(Path("/sys/fs/cgroup/cpu,cpuacct"), 1, ("cpu", "cpuacct")),
        Hierarchy(Path("/sys/fs/cgroup/memory"), 1, ("memory",)),
        Hierarchy(Path("/sys/fs/cgroup/systemd"), 1, ("name=systemd",)),
        Hierarchy(Path("/sys/fs/cgroup/unified"), 2),
    ]


def test_unified_machine_has_one_hierarchy() -> None:
    assert cgroups.parse_mounts(UNIFIED) == [Hierarchy(Path("/sys/fs/cgroup"), 2)]


def test_other_file_systems_are_no_hierarchies() -> None:
    assert cgroups.parse_mounts("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n") == []


def test_new_cpuset_inherits_processors_and_memory_nodes(tmp_path: Path) -> None:
    hierarchy = Hierarchy(tmp_path, 1, ("cpuset",))
    system = tmp_path / "echorator-x" / "system"
    system.mkdir(parents=True)
    for folder in (tmp_path, system.parent, system):
        (folder / "cpuset.cpus").write_text("0-1\n" if folder == tmp_path else "\n")
        (folder / "cpuset.mems").write_text("0\n" if folder == tmp_path else "\n")
    cgroups.create("echorator-x", [hierarchy])
    assert (system / "cpuset.cpus").read_text() == "0-1\n"
    assert (system / "cpuset.mems").read_text() == "0\n"


def test_version_2_gives_children_the_controllers_that_are_there(tmp_path: Path) -> None:
    top = tmp_path / "echorator-x"
    top.mkdir()
    for folder in (tmp_path, top):
        (folder / "cgroup.controllers").write_text("cpu memory pids rdma\n")
        (folder / "cgroup.subtree_control").write_text("")
    cgroups.create("echorator-x", [Hierarchy(tmp_path, 2)])
    # A plain file keeps the last write only; the kernel's adds up.
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+pids"
    assert (top / "cgroup.subtree_control").read_text() == "+pids"
    assert (top / "system").is_dir()


def test_unwritable_hierarchy_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NodeError, match="cannot make the cgroup") as caught:
        cgroups.create("echorator-x", [Hierarchy(tmp_path / "file", 1)])
    assert "read-write" in caught.value.hint


def test_whole_tree_is_removed_and_others_stay(tmp_path: Path) -> None:
    for path in ("echorator-x/kubepods/pod1/c1", "echorator-x/system", "echorator-y/system"):
        (tmp_path / path).mkdir(parents=True)
    found = [Hierarchy(tmp_path, 1)]
    assert len(cgroups.folders("echorator-x", found)) == 5
    assert cgroups.remove("echorator-x", found) == []
    assert [path.name for path in tmp_path.iterdir()] == ["echorator-y"]


def test_what_cannot_be_removed_is_returned(tmp_path: Path) -> None:
    busy = tmp_path / "echorator-x" / "busy"
    busy.mkdir(parents=True)
    (busy / "in-use").touch()
    assert cgroups.remove("echorator-x", [Hierarchy(tmp_path, 1)], timeout_s=0) == [busy, busy.parent]


def test_processes_of_all_folders_are_found(tmp_path: Path) -> None:
    for path, text in (
        ("echorator-x", "0\n"),
        ("echorator-x/system", "12\n13\n"),
        ("echorator-x/kubepods", "13\n14\n"),
    ):
        (tmp_path / path).mkdir(parents=True, exist_ok=True)
        (tmp_path / path / "cgroup.procs").write_text(text)
    assert cgroups.pids("echorator-x", [Hierarchy(tmp_path, 1)]) == {12, 13, 14}
