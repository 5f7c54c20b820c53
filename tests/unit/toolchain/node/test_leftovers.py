"""Proves what is recognised as left behind, on texts of mountinfo and ip, and with one real process.

That a real node leaves nothing is proved where one runs (tests/integration).
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from toolchain.node import leftovers
from toolchain.node.layout import NodeLayout

MOUNTINFO = r"""
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw
60 27 0:50 / /home/me/my\040checkout/.echorator/kubelet/pods/1/volumes rw - tmpfs tmpfs rw
61 27 0:51 / /home/me/my\040checkout/.echorator2 rw - tmpfs tmpfs rw
62 27 0:52 / /run/echorator/0123abcd/stage rw - tmpfs tmpfs rw
63 27 0:53 / /run/echorator/ffffffff/stage rw - tmpfs tmpfs rw
"""


def test_mounts_below_the_nodes_folders_and_no_others() -> None:
    found = leftovers.mounts_of(MOUNTINFO, ("/home/me/my checkout/.echorator", "/run/echorator/0123abcd"))
    assert found == [
        "/home/me/my checkout/.echorator/kubelet/pods/1/volumes",
        "/run/echorator/0123abcd/stage",
    ]


def test_bridge_is_known_by_name_or_address() -> None:
    links: list[dict[str, Any]] = [
        {"ifname": "lo", "addr_info": [{"local": "127.0.0.1"}]},
        {"ifname": "node0", "addr_info": []},
        {"ifname": "br7", "addr_info": [{"local": "10.200.0.1"}]},
        {"ifname": "cni0", "addr_info": [{"local": "10.244.0.1"}]},
        {},
    ]
    assert leftovers.interfaces_of(json.dumps(links)) == ["node0", "br7"]


def test_a_process_of_this_node_is_found_and_one_of_another_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print(flush=True); input()", "toolchain.node.init", f"{tmp_path}/a/spec.json"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        assert list(leftovers.processes_of(tmp_path / "a")) == [process.pid]
        assert leftovers.processes_of(tmp_path / "b") == {}
    finally:
        process.communicate(b"\n")


def test_files_in_the_run_folder_are_told(layout: NodeLayout) -> None:
    assert leftovers.leftovers(layout) == []
    layout.run.mkdir()
    assert leftovers.leftovers(layout) == [f"folder {layout.run}"]
    (layout.run / "control.sock").touch()
    assert leftovers.leftovers(layout) == [f"file {layout.run}/control.sock"]
