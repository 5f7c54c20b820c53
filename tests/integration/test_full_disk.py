"""Proves what happens when the model store's volume is full: the store keeps within the size that was asked for.

The local node's volumes are folders, which have no limit, so a replica's own full disk is shown without Kubernetes,
on a real file system with a limit, in `tests/ollama/test_faults.py`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.integration.chat import MINILM, SMOLLM2, ChatStack
from tests.integration.mirror import Mirror, upstream_model
from tests.support.kube import Kube
from tests.support.stack import LiveStack
from toolchain.node.node import Node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

BOUND_S = 150.0


def test_a_full_store_is_named_and_a_larger_one_goes_on(
    kube: Kube, mirror: Mirror, node: Node, make_stack: Callable[[str], LiveStack]
) -> None:
    full = ChatStack(make_stack("b"), kube, mirror)
    # Nine tenths of it hold the small model and not the large one.
    _, small = upstream_model(node, MINILM)
    _, large = upstream_model(node, SMOLLM2)
    assert small < 64 * 2**20 * 0.9 < large
    full.configure(1, MINILM, SMOLLM2, storage="64Mi")
    outcome = full.stack.try_up(limit_s=BOUND_S)
    assert outcome.code > 0, outcome.output
    assert outcome.seconds < BOUND_S
    replica = f"replica `chat-0`, model `{SMOLLM2}`"
    said = [line for line in outcome.output.splitlines() if replica in line]
    assert said, outcome.output
    assert "no room for library/smollm2:135m" in said[0]
    assert "limit of 60.4 MB" in said[0]
    assert "modelStore.storage" in outcome.output
    assert full.replica(0).knows(MINILM)
    full.configure(1, MINILM, SMOLLM2, storage="1Gi")
    full.up()
    assert full.replica(0).knows(SMOLLM2)
    assert full.replica(0).knows(MINILM)
