"""Proves where an engine's parts are put and that doing so again changes nothing; runs no engine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toolchain import catalog
from toolchain.stack.engine import PLUGINS, assemble, install_plugins


@pytest.fixture
def tools(tmp_path: Path) -> catalog.Tools:
    """Files that stand for the built tools."""
    paths: dict[str, Path] = {}
    for name in catalog.PULUMI_TOOLS:
        path = tmp_path / "cache" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
        paths[name] = path
    return catalog.Tools(paths)


def inodes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_ino for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_host_stands_beside_the_cli(tools: catalog.Tools, tmp_path: Path) -> None:
    folder = assemble(tools, tmp_path / "engine", python=Path("/some/python"))
    assert {path.name for path in folder.iterdir()} == {
        "__init__.py",
        "interpreter.py",
        "language_host.py",
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
        "pulumi-resource-pulumi-python",
    }
    assert (folder / "pulumi").samefile(tools.path("pulumi"))
    assert (folder / "pulumi-language-python").read_text().startswith('#!/bin/sh\nexec "/some/python"')
    assert all(os.access(path, os.X_OK) for path in folder.iterdir())
    first = inodes(folder)
    assemble(tools, folder, python=Path("/some/python"))
    assert inodes(folder) == first


def test_a_newer_tool_replaces_the_older(tools: catalog.Tools, tmp_path: Path) -> None:
    folder = assemble(tools, tmp_path / "engine")
    newer = tmp_path / "newer"
    newer.write_text("another version")
    assemble(catalog.Tools({**tools.paths, "pulumi": newer}), folder)
    assert (folder / "pulumi").read_text() == "another version"
    assert tools.path("pulumi").read_text() == "pulumi"


def test_plugins_lie_where_the_engine_looks(tools: catalog.Tools, tmp_path: Path) -> None:
    install_plugins(tools, tmp_path / "home", PLUGINS)
    for name, version in PLUGINS.items():
        short = name.removeprefix("pulumi-")
        assert (tmp_path / "home" / "plugins" / f"{short}-v{version}" / name).read_text() == name
