"""A tree always becomes the same archive, and keeps nothing of the machine it came from.

Proves the archive's bytes, order and owners, and how packages' paths are laid out. Does not prove that a
container runtime accepts the layers: the cluster's tests run them.
"""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolchain.images.tree import Entry, Tree, normal

NAMES = st.text("abcxyz", min_size=1, max_size=4)
# A fixed top folder for files and another for links keeps a path from being both a folder and a file.
FILES = st.dictionaries(st.tuples(NAMES, NAMES).map(lambda parts: f"{parts[0]}.d/{parts[1]}"), st.binary(max_size=40))


def names(path: Path) -> list[str]:
    with tarfile.open(path) as archive:
        return archive.getnames()


def deb_stream(*members: tuple[tarfile.TarInfo, bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    stream.seek(0)
    return stream


def member(name: str, kind: bytes = tarfile.REGTYPE, *, mode: int = 0o644, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.mode, info.linkname, info.uid, info.mtime = kind, mode, target, 42, 1_700_000_000
    return info


@given(files=FILES, seed=st.randoms())
def test_the_order_of_adding_does_not_change_a_byte(
    files: dict[str, bytes], seed: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("tree")
    shuffled = list(files.items())
    seed.shuffle(shuffled)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    first, second = Tree(), Tree()
    for path, content in files.items():
        first.add_file(path, content)
    for path, content in shuffled:
        second.add_file(path, content)
    one, two = first.write(folder / "1.tar"), second.write(folder / "2.tar")
    assert one.digest == two.digest
    assert one.path.read_bytes() == two.path.read_bytes()
    with tarfile.open(one.path) as archive:
        found = {info.name: archive.extractfile(info) for info in archive if info.isfile()}
        assert {name: opened.read() for name, opened in found.items() if opened is not None} == files


def test_parents_come_first_and_owner_and_time_are_nobodys(tmp_path: Path) -> None:
    tree = Tree()
    tree.add_tar(deb_stream((member("./etc/deep/file", mode=0o4755), b"x")))
    written = tree.write(tmp_path / "layer.tar")
    assert names(written.path) == ["etc", "etc/deep", "etc/deep/file"]
    with tarfile.open(written.path) as archive:
        assert {(info.uid, info.gid, info.mtime, info.uname) for info in archive} == {(0, 0, 0, "")}
        # A set-uid program in an image would be a way around no-new-privileges on a careless node.
        assert archive.getmember("etc/deep/file").mode == 0o755
    assert written.size == written.path.stat().st_size


def test_old_paths_of_packages_go_below_usr_and_leave_the_links(tmp_path: Path) -> None:
    tree = Tree()
    tree.add_merged_usr()
    tree.add_tar(deb_stream((member("./lib64", tarfile.DIRTYPE, mode=0o755), b""), (member("./lib64/ld.so"), b"x")))
    assert tree.entries["lib64"] == Entry("link", 0o777, target="usr/lib64")
    assert tree.entries["usr/lib64/ld.so"].content == b"x"
    assert "lib64/ld.so" not in names(tree.write(tmp_path / "layer.tar").path)


def test_hard_links_become_copies_and_excluded_files_stay_out() -> None:
    tree = Tree()
    stream = deb_stream(
        (member("./bin/a"), b"same"),
        (member("./bin/b", tarfile.LNKTYPE, target="./bin/a"), b""),
        (member("./usr/share/man/man1/a.1"), b"page"),
    )
    tree.add_tar(stream, without=("usr/share/man/*",))
    assert tree.entries["usr/bin/b"] == tree.entries["usr/bin/a"]
    assert not any("man" in path for path in tree.entries)


def test_a_device_is_refused() -> None:
    with pytest.raises(ValueError, match="/dev/null is neither a file, a folder nor a link"):
        Tree().add_tar(deb_stream((member("./dev/null", tarfile.CHRTYPE), b"")))


@pytest.mark.parametrize(
    ("path", "wanted"),
    [("./bin/sh", "usr/bin/sh"), ("/lib64/x", "usr/lib64/x"), ("bin", "bin"), ("./", ""), ("usr/bin/a", "usr/bin/a")],
)
def test_paths_are_those_of_debian_12(path: str, wanted: str) -> None:
    assert normal(path) == wanted


def test_a_path_that_leaves_the_root_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves the image's root"):
        normal("a/../../etc/passwd")


def test_a_folder_is_taken_with_links_and_executable_bits_and_put_back(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "tool").write_bytes(b"#!")
    (source / "inner" / "tool").chmod(0o700)
    (source / "link").symlink_to("inner/tool")
    tree = Tree()
    tree.add_folder(source, "opt")
    assert tree.entries["opt/inner/tool"].mode == 0o755
    tree.extract(tmp_path / "back")
    assert (tmp_path / "back/opt/link").readlink() == Path("inner/tool")
    assert (tmp_path / "back/opt/link").read_bytes() == b"#!"
