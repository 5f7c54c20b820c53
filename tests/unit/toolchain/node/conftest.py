"""A layout on a temporary folder, with files where the node's programs would be."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolchain.node.layout import REQUIRED_TOOLS, NodeLayout


@pytest.fixture
def layout(tmp_path: Path) -> NodeLayout:
    return NodeLayout(
        state=tmp_path / "state",
        run=tmp_path / "run",
        id="0123abcd",
        tools={name: tmp_path / "tools" / name for name in REQUIRED_TOOLS},
        debs_prefix=tmp_path / "debs",
    )
