"""Licences are read from what packages say about themselves; what is not stated is not guessed."""

from __future__ import annotations

from pathlib import Path

from toolchain.images.debs import Deb
from toolchain.images.packages import Package, debian_licence, debian_packages, python_packages
from toolchain.images.tree import Tree

MACHINE_READABLE = """Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
License: MIT

Files: debian/*
License: GPL-2+
 The text goes on.
"""


def test_machine_readable_licences_are_named_once_and_sorted() -> None:
    assert debian_licence(MACHINE_READABLE + "\nLicense: MIT\n Text.") == "GPL-2+, MIT"


def test_prose_is_not_taken_for_a_licence() -> None:
    assert debian_licence("This package was made by hand.\nLicense: it may be used by all") == "see copyright file"
    assert debian_licence("") == "see copyright file"


def test_a_package_that_shares_its_documentation_folder_has_its_licence() -> None:
    tree = Tree()
    tree.add_link("usr/share/doc/libb", "liba")
    tree.add_file("usr/share/doc/liba/copyright", MACHINE_READABLE.encode())
    found = debian_packages([Deb("libb", "1-1", "libb_1-1_amd64.deb", "0" * 64)], tree)
    assert found == [Package("debian", "libb", "1-1", "GPL-2+, MIT")]


def test_wheels_state_licences_in_three_ways(tmp_path: Path) -> None:
    metadata = {
        "a": "License-Expression: MIT\n",
        "b": "Classifier: License :: OSI Approved :: BSD License\nLicense: long text\n",
        "c": "License: Apache 2\n",
        "d": "",
    }
    for name, lines in metadata.items():
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1\n{lines}\nLicense: body\n")
    licences = {package.name: package.licence for package in python_packages(tmp_path)}
    assert licences == {"a": "MIT", "b": "BSD License", "c": "Apache 2", "d": "see copyright file"}
