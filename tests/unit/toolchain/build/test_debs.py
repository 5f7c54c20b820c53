"""Reads apt's answers and finishes an unpacked prefix; unpacks a real package made here.

Does not show that apt finds Debian's packages: that takes a network.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from toolchain.build import debs
from toolchain.build.caches import BuildCaches
from toolchain.build.debs import DebianPrefix, Resolved, parse_uris
from toolchain.build.kinds import DebianPackage
from toolchain.build.process import Runner
from toolchain.build.progress import Reporter
from toolchain.build.store import Store

URIS = """Reading package lists...
The following NEW packages will be installed:
  busybox-static libgpgme11
'http://deb.example.org/pool/b/busybox-static_1.35.0-4%2bdeb12u1_amd64.deb' \
busybox-static_1%3a1.35.0-4+deb12u1+b1_amd64.deb 928188 MD5Sum:f6f1b0b4181aead8e1a5b1258f63f501
'http://deb.example.org/pool/g/libgpgme11_1.18.0-3_amd64.deb' libgpgme11_1.18.0-3_amd64.deb 299816\x20
"""


def prefix(tmp_path: Path, reporter: Reporter, *names: str) -> DebianPrefix:
    packages = [DebianPackage(name, "", "MIT") for name in names]
    store = Store(tmp_path / "tools")
    return DebianPrefix(packages, store, BuildCaches(tmp_path / "build"), Runner(), reporter, tmp_path / "logs")


def test_parse_uris() -> None:
    assert parse_uris(URIS) == [
        Resolved("busybox-static", "1:1.35.0-4+deb12u1+b1", "busybox-static_1%3a1.35.0-4+deb12u1+b1_amd64.deb"),
        Resolved("libgpgme11", "1.18.0-3", "libgpgme11_1.18.0-3_amd64.deb"),
    ]
    assert parse_uris("") == []


@given(
    name=st.from_regex(r"[a-z0-9][a-z0-9+.-]{1,20}", fullmatch=True),
    version=st.from_regex(r"[0-9][A-Za-z0-9.+~-]{0,20}", fullmatch=True),
)
def test_parse_any_legal_name(name: str, version: str) -> None:
    line = f"'http://deb.example.org/x.deb' {name}_{version}_amd64.deb 1 SHA256:00\n"
    assert parse_uris(line) == [Resolved(name, version, f"{name}_{version}_amd64.deb")]


def make_deb(folder: Path) -> Path:
    tree = folder / "tree"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: tiny\nVersion: 1:2.0\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: tiny\n"
    )
    for path in ("bin/tiny", "usr/sbin/iptables-nft", "usr/share/man/man1/tiny.1", "usr/share/doc/tiny/README"):
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(path)
    (tree / "usr/share/doc/tiny/copyright").write_text("Files: *\nLicense: MIT\n text\n\nFiles: x\nLicense: GPL-2\n")
    subprocess.run(["dpkg-deb", "--build", "--root-owner-group", tree, folder], check=True, capture_output=True)
    return folder / "tiny_2.0_all.deb"


def test_unpack_and_finish(tmp_path: Path, reporter: Reporter) -> None:
    root = tmp_path / "root"
    root.mkdir()
    made = prefix(tmp_path, reporter, "tiny")
    made.unpack(make_deb(tmp_path), root, tmp_path / "log")
    debs.finish(root)
    assert (root / "usr/bin/tiny").read_text() == "bin/tiny"
    assert not (root / "bin").exists()
    assert (root / "usr/sbin/iptables").read_text() == "usr/sbin/iptables-nft"
    assert not (root / "usr/sbin/iptables-save").is_symlink()
    assert not (root / "usr/share/man").exists()
    assert [path.name for path in (root / "usr/share/doc/tiny").iterdir()] == ["copyright"]
    assert debs.licence(root, "tiny") == "MIT AND GPL-2"
    assert "source package" in debs.licence(root, "other")


def test_the_key_covers_names_and_the_hosts_packages(tmp_path: Path, reporter: Reporter) -> None:
    one, two = prefix(tmp_path, reporter, "containerd"), prefix(tmp_path, reporter, "containerd", "runc")
    assert one.request() == prefix(tmp_path, reporter, "containerd").request()
    assert one.request() != two.request()
    assert "dpkg" in debs.installed()
    assert one.find() is None


def test_apt_is_told_to_leave_the_host_alone(tmp_path: Path, reporter: Reporter) -> None:
    ours = prefix(tmp_path, reporter, "containerd").options(own=True)
    assert f"Dir::Cache::archives={tmp_path}/build/apt/archives" in ours
    assert f"Dir::State={tmp_path}/build/apt/state" in ours
    hosts = prefix(tmp_path, reporter, "containerd").options(own=False)
    assert not [option for option in hosts if option.startswith("Dir::State=")]
