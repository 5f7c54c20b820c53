"""Proves that the host's own bridges keep their behaviour when br_netfilter is loaded for the node.

modprobe is a stand-in here: a machine whose kernel has it built in cannot load it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.node import modules


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bridge"
    monkeypatch.setattr(modules, "BRIDGE_SETTINGS", folder)

    def modprobe(*arguments: str) -> bool:
        if "-n" not in arguments:
            folder.mkdir()
            for name in ("bridge-nf-call-iptables", "bridge-nf-call-ip6tables", "bridge-nf-call-arptables"):
                (folder / name).write_text("1\n")
        return True

    monkeypatch.setattr(modules, "_modprobe", modprobe)
    return folder


def test_asking_loads_nothing(settings: Path) -> None:
    assert modules.bridge_filter_available()
    assert not settings.exists()


def test_loading_leaves_the_hosts_bridges_unfiltered(settings: Path) -> None:
    modules.load_bridge_filter()
    assert [path.read_text() for path in settings.iterdir()] == ["0\n"] * 3


def test_a_host_that_has_it_keeps_its_own_setting(settings: Path) -> None:
    settings.mkdir()
    (settings / "bridge-nf-call-iptables").write_text("1\n")
    modules.load_bridge_filter()
    assert (settings / "bridge-nf-call-iptables").read_text() == "1\n"
