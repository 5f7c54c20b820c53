"""Proves that a deploy can look at replicas in the other ways than through the API server's proxy.

`direct` is the same as `url` but for the address, which only a deploy inside the cluster could reach.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from components import port_forward
from components.reach import Mode
from components.replica_models import ModelOperationError, Target, observe
from replica_agent.ports import AGENT_PORT
from tests.integration.chat import SMOLLM2, ChatStack
from tests.support import prepared
from toolchain.local import layout

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture
def deployer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of somebody who deploys: the kubeconfig, and kubectl on PATH."""
    kubectl = Path(prepared.prepared("ECHORATOR_KUBECTL"))
    monkeypatch.setenv("KUBECONFIG", str(prepared.engine().kubeconfig))
    monkeypatch.setenv("PATH", f"{kubectl.parent}{os.pathsep}{os.environ['PATH']}")


def target(chat: ChatStack, replicas: int, mode: Mode, url: str = "") -> Target:
    return Target(
        "pods",
        context=layout().name,
        namespace=chat.namespace,
        stateful_set="chat",
        port=AGENT_PORT,
        replica_count=replicas,
        mode=mode,
        url=url,
    )


@pytest.mark.usefixtures("deployer")
def test_by_port_forward(chat: ChatStack) -> None:
    chat.settle(2, SMOLLM2)
    wanted = chat.digests(SMOLLM2, 2)
    assert observe(target(chat, 2, "portForward"), SMOLLM2) == wanted


@pytest.mark.usefixtures("deployer")
def test_by_url(chat: ChatStack) -> None:
    chat.settle(1, SMOLLM2)

    async def look() -> dict[str, str] | None:
        async with port_forward.forwarded(layout().name, chat.namespace, "chat-0", AGENT_PORT) as url:
            return await asyncio.to_thread(observe, target(chat, 1, "url", url), SMOLLM2)

    assert asyncio.run(look()) == chat.digests(SMOLLM2, 1)


@pytest.mark.usefixtures("deployer")
def test_kubectl_is_asked_for_by_name(chat: ChatStack, monkeypatch: pytest.MonkeyPatch) -> None:
    chat.settle(2, SMOLLM2)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ModelOperationError, match="needs kubectl, which is not on PATH"):
        observe(target(chat, 2, "portForward"), SMOLLM2)
