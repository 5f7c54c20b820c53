"""Proves that after all of it every blob in the store is what its name says, and that the stack can be taken down."""

from __future__ import annotations

import pytest

from tests.faults import judge
from tests.faults.bed import Bed
from tests.integration.test_destroy import leftovers
from tests.support.kube import wait_for
from toolchain.node.node import Node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]


def test_what_is_left(bed: Bed, node: Node) -> None:
    with bed.case("After all cases: every blob hashed, then `destroy`") as turn:
        blobs = judge.store_keeps(bed.kube, bed.stack)
        turn.fault()
        bed.stack.destroy()
        turn.over()
        prefix, volumes = bed.stack.name, node.layout.state / "volumes"
        wait_for("nothing is left", lambda: not leftovers(bed.kube, prefix), 60)
        wait_for("no disk is left", lambda: not [one for one in volumes.iterdir() if f"_{prefix}-" in one.name], 30)
        turn.saw(f"{blobs} blobs are what their names say; nothing left in the cluster or on its disk")
