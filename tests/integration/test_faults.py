"""Proves that a deploy that cannot succeed ends in bounded time, names replica, model and cause, and harms nothing."""

from __future__ import annotations

import pytest

from tests.integration.chat import LISTS, MINILM, SMOLLM2, ChatStack
from tests.integration.mirror import upstream_model
from tests.support.kube import Kube
from tests.support.stack import Outcome
from toolchain.node.node import Node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

BOUND_S = 120.0

REPLICAS = 3

PODS = ("chat-0", "chat-1", "chat-2")

NOWHERE = "registry.nowhere.example"


def fails(chat: ChatStack, model: str) -> Outcome:
    """Deploy what must fail because of `model`; all else must be as it was."""
    chat.disturb()
    before = chat.digests(SMOLLM2, REPLICAS)
    outcome = chat.stack.try_up(limit_s=BOUND_S)
    assert outcome.code > 0, outcome.output
    assert outcome.seconds < BOUND_S
    assert "Traceback" not in outcome.output
    assert chat.digests(SMOLLM2, REPLICAS) == before
    for replica in PODS:
        assert any(replica in line and model in line for line in outcome.output.splitlines()), outcome.output
    return outcome


def goes_on(chat: ChatStack, **touched: str) -> None:
    """Deploy the mended settings; only what failed is worked on."""
    outcome = chat.up()
    assert outcome.touched == {**LISTS, **touched}
    assert None not in chat.digests(SMOLLM2, REPLICAS).values()


def test_a_model_that_does_not_exist(chat: ChatStack) -> None:
    chat.settle(REPLICAS, SMOLLM2)
    chat.configure(REPLICAS, SMOLLM2, "no-such-model:1b")
    outcome = fails(chat, "no-such-model:1b")
    # The mirror's word, or, where the internet can be reached, that of the registry itself.
    assert "not found" in outcome.output or "the registry has no such model or tag" in outcome.output
    chat.configure(REPLICAS, SMOLLM2, {"name": "no-such-model:1b", "source": MINILM})
    goes_on(chat, **{"chat-no-such-model:1b": "create"})
    assert None not in chat.digests("no-such-model:1b", REPLICAS).values()


def test_a_digest_that_the_registry_does_not_have(chat: ChatStack, node: Node) -> None:
    chat.settle(REPLICAS, SMOLLM2)
    found, _ = upstream_model(node, MINILM)
    wanted = "sha256:" + "0123456789abcdef" * 4
    chat.configure(REPLICAS, SMOLLM2, {"name": MINILM, "digest": wanted})
    outcome = fails(chat, MINILM)
    assert wanted in outcome.output
    assert found in outcome.output
    # What is not what was asked for is not left lying about under its name.
    assert set(chat.digests(MINILM, REPLICAS).values()) == {None}
    chat.configure(REPLICAS, SMOLLM2, {"name": MINILM, "digest": found})
    goes_on(chat, **{f"chat-{MINILM}": "create"})
    assert set(chat.digests(MINILM, REPLICAS).values()) == {found}


def test_a_registry_that_cannot_be_reached(chat: ChatStack, kube: Kube) -> None:
    chat.settle(REPLICAS, SMOLLM2)
    pods = {name: kube.wait_ready(chat.namespace, name)["metadata"]["uid"] for name in PODS}
    source = f"{NOWHERE}/library/{MINILM}"
    chat.configure(REPLICAS, SMOLLM2, {"name": MINILM, "source": source}, upstreams=[{"host": NOWHERE}])
    outcome = fails(chat, MINILM)
    assert NOWHERE in outcome.output
    chat.configure(REPLICAS, SMOLLM2, MINILM, upstreams=[{"host": NOWHERE}])
    # The store's settings changed, and the failed deploy could not yet take the old ones away.
    goes_on(chat, **{f"chat-{MINILM}": "create", "store-config": "delete-replaced"})
    assert {name: kube.wait_ready(chat.namespace, name)["metadata"]["uid"] for name in pods} == pods
