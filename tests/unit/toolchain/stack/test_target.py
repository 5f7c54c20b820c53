"""Proves how a stack's outputs are read; that the program writes them so is shown on the real cluster."""

from __future__ import annotations

from toolchain.stack.target import Server, servers

OUTPUTS = {
    "chat-endpoint": "http://chat.echorator-models.svc.cluster.local:11434",
    "chat-models": {"a:1": {"chat-1": "sha256:1", "chat-0": "sha256:1"}, "b:1": {"chat-0": "sha256:2"}},
    "outside-endpoint": "http://127.0.0.1:11434",
    "outside-models": {"a:1": None},
    "namespace": "echorator-models",
}


def test_servers_and_their_replicas() -> None:
    chat, outside = servers(OUTPUTS)
    assert chat == Server("chat", OUTPUTS["chat-endpoint"], OUTPUTS["chat-models"])  # pyright: ignore[reportArgumentType]
    assert chat.replicas == ["chat-0", "chat-1"]
    assert chat.in_cluster
    assert outside.models == {"a:1": {}}
    assert outside.replicas == []
    assert not outside.in_cluster


def test_before_the_first_deploy_there_are_none() -> None:
    assert servers({}) == []
