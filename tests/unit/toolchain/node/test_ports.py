"""Proves that kept ports are read back, and that only a port taken by someone else moves."""

from __future__ import annotations

import socket
from pathlib import Path

from toolchain.node import ports
from toolchain.node.ports import Forward


def test_no_file_means_no_forwards(tmp_path: Path) -> None:
    assert ports.read(tmp_path / "none.json") == {}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    wanted = {"api": Forward(40123, "127.0.0.1:6443"), "registry": Forward(40124, "10.200.0.1:5000")}
    ports.write(tmp_path / "f.json", wanted)
    assert ports.read(tmp_path / "f.json") == wanted


def test_free_port_stays() -> None:
    wanted = {"api": Forward(ports.free_port(), "127.0.0.1:6443")}
    assert ports.settle(wanted, set()) == wanted


def test_port_taken_by_someone_else_moves_and_keeps_its_target() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = int(other.getsockname()[1])
        settled = ports.settle({"api": Forward(port, "127.0.0.1:6443")}, set())
        assert settled["api"].port != port
        assert not ports.is_taken(settled["api"].port)
        assert settled["api"].target == "127.0.0.1:6443"


def test_port_on_which_the_node_itself_listens_stays() -> None:
    with socket.create_server(("127.0.0.1", 0)) as own:
        wanted = {"api": Forward(int(own.getsockname()[1]), "127.0.0.1:6443")}
        assert ports.settle(wanted, {"api"}) == wanted


def test_listener_on_every_address_takes_the_port_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as other:  # noqa: S104  # the very case
        assert ports.is_taken(int(other.getsockname()[1]))
