"""Proves that a start is prepared whole, keeps what must be kept, and refuses what cannot work.

Uses the real openssl; nothing is started.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.node import prepare
from toolchain.node.errors import NodeError
from toolchain.node.layout import NodeLayout
from toolchain.node.ports import Forward
from toolchain.node.spec import NodeSpec

FORWARDS = {"api": Forward(40123, "127.0.0.1:6443")}


@pytest.fixture
def prepared(layout: NodeLayout) -> NodeLayout:
    prepare.make_folders(layout)
    prepare.write_configuration(layout)
    return layout


def contents(layout: NodeLayout) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for f in (layout.config, layout.pki) for p in f.rglob("*") if p.is_file()}


def test_every_missing_program_is_named_at_once(layout: NodeLayout) -> None:
    with pytest.raises(NodeError) as caught:
        prepare.check(layout)
    for name in ("kubelet", "etcd", "kube-router", "usr/bin/containerd", "usr/lib/cni/bridge"):
        assert name in str(caught.value)
    assert "make up" in caught.value.hint


def test_run_folder_too_deep_for_a_socket_is_refused(layout: NodeLayout) -> None:
    deep = NodeLayout(layout.state, Path("/run") / ("x" * 100), layout.id, layout.tools, layout.debs_prefix)
    with pytest.raises(NodeError, match="longer than 107 bytes"):
        prepare.check(deep)


def test_second_time_changes_nothing(prepared: NodeLayout) -> None:
    before = contents(prepared)
    spec = prepare.node_spec(prepared, FORWARDS)
    prepare.make_folders(prepared)
    prepare.write_configuration(prepared)
    assert contents(prepared) == before
    assert prepare.node_spec(prepared, FORWARDS) == spec


def test_encryption_key_outlives_everything(prepared: NodeLayout) -> None:
    before = (prepared.config / "encryption.json").read_bytes()
    for path in prepared.config.glob("*.toml"):
        path.unlink()
    prepare.write_configuration(prepared)
    assert (prepared.config / "encryption.json").read_bytes() == before


def test_all_configuration_and_keys_are_for_root_only(prepared: NodeLayout) -> None:
    prepare.write_kubeconfig(prepared, 40123)
    files = [p for f in (prepared.config, prepared.pki) for p in f.rglob("*") if p.is_file()]
    assert len(files) > 40
    assert {p.stat().st_mode & 0o077 for p in [*files, prepared.kubeconfig, prepared.state / "volumes"]} == {0}


def test_another_port_rewrites_the_kubeconfig(prepared: NodeLayout) -> None:
    prepare.write_kubeconfig(prepared, 40123)
    prepare.write_kubeconfig(prepared, 40124)
    assert "https://127.0.0.1:40124" in prepared.kubeconfig.read_text()
    assert "40123" not in prepared.kubeconfig.read_text()


def test_changed_configuration_restarts_only_what_reads_it(prepared: NodeLayout) -> None:
    before = {p.name: p for p in prepare.node_spec(prepared, FORWARDS).processes}
    (prepared.config / "kubelet.json").write_text("{}")
    after = {p.name: p for p in prepare.node_spec(prepared, FORWARDS).processes}
    changed = {name for name in before if before[name] != after[name]}
    assert "kubelet" in changed
    assert not changed & {"etcd", "kube-apiserver", "kube-scheduler", "forward-api"}


def test_renewed_certificate_restarts_its_server(prepared: NodeLayout) -> None:
    before = {p.name: p for p in prepare.node_spec(prepared, FORWARDS).processes}
    (prepared.pki / "etcd.crt").write_text("new")
    after = {p.name: p for p in prepare.node_spec(prepared, FORWARDS).processes}
    assert before["etcd"] != after["etcd"]


def test_spec_survives_its_file(prepared: NodeLayout) -> None:
    spec = prepare.node_spec(prepared, FORWARDS)
    assert NodeSpec.from_json(spec.to_json()) == spec


def test_no_path_of_the_host_but_the_tools_reaches_a_command_line(prepared: NodeLayout) -> None:
    for process in prepare.node_spec(prepared, FORWARDS).processes:
        assert not [word for word in process.argv if str(prepared.state) in word]


def test_everything_the_node_reads_stays_visible(prepared: NodeLayout) -> None:
    spec = prepare.node_spec(prepared, FORWARDS)
    assert {str(prepared.state), str(prepared.run), str(prepared.debs_prefix)} <= set(spec.keep)
    assert (str(prepared.state / "etcd"), "/var/lib/etcd") in spec.binds


def test_iptables_is_the_nftables_one(prepared: NodeLayout) -> None:
    links = prepared.run / "usr" / "sbin"
    assert (links / "iptables").readlink() == Path("xtables-nft-multi")
    assert (links / "ip6tables-restore").is_symlink()
