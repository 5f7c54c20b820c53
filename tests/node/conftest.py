"""The local node, for tests that kill and restart parts of it. Nothing else of a run may be using it then."""

from __future__ import annotations

import pytest

from tests.support import prepared
from toolchain.node.node import Node


@pytest.fixture(scope="package")
def node() -> Node:
    return prepared.node()
