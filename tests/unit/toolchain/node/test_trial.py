"""Proves what the trial says about cgroups, and (as root) that it leaves nothing on the machine.

Whether its yes is right shows when a node starts (tests/integration); its no is proved by running it without rights.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from toolchain.node import trial
from toolchain.node.cgroups import Hierarchy

ROOT = Path(__file__).parents[4]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def run(folder: Path, *prefix: str) -> list[list[str]]:
    command = [*prefix, sys.executable, "-m", "toolchain.node.trial", str(folder)]
    return json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)


def test_missing_controllers_are_named(tmp_path: Path) -> None:
    v1 = [Hierarchy(tmp_path, 1, ("memory",)), Hierarchy(tmp_path, 1, ("cpu", "cpuacct"))]
    [(what, fix)] = trial.cgroup_faults(v1, "echorator-trial")
    assert what == "the cgroup controllers cpuset, devices, freezer, pids are not there"
    assert "/sys/fs/cgroup" in fix
    (tmp_path / "cgroup.controllers").write_text("cpu io\n")
    [(what, _)] = trial.cgroup_faults([Hierarchy(tmp_path, 2)], "echorator-trial")
    assert what == "the cgroup controllers cpuset, memory, pids are not there"
    assert len(trial.cgroup_faults([], "echorator-trial")) == 1


@as_root
def test_leaves_nothing(tmp_path: Path) -> None:
    def seen() -> tuple[str, str, list[Path]]:
        links = subprocess.run(["ip", "-br", "link"], capture_output=True, text=True, check=True).stdout
        groups = list(Path("/sys/fs/cgroup").glob("**/echorator-trial-*"))
        return Path("/proc/self/mountinfo").read_text(), links, groups

    before = seen()
    run(tmp_path)
    assert seen() == before
    assert list(tmp_path.iterdir()) == []


@as_root
def test_without_rights_every_refusal_is_told(tmp_path: Path) -> None:
    faults = run(tmp_path, "setpriv", "--bounding-set", "-sys_admin", "--inh-caps", "-sys_admin")
    told = "\n".join(what for what, _ in faults)
    for name in ("mount", "network", "host name", "IPC"):
        assert f"a new {name} namespace cannot be made" in told
