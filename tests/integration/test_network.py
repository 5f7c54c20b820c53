"""Proves with connections, not by reading policies, who reaches whom. Each refusal has a control that gets through.

On the local node's network engine; another engine may count the node's own traffic otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from components.labels import OLLAMA_CLIENT, namespace_labels
from components.model_store_objects import selector as store_selector
from components.ollama_server_objects import selector as server_selector
from tests.integration.chat import SMOLLM2, ChatStack
from tests.integration.probes import connects
from tests.support.kube import Kube
from toolchain.node.layout import KUBERNETES_SERVICE, NODE_ADDRESS, REGISTRY_PORT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

CLIENT = {OLLAMA_CLIENT: "true"}
REGISTRY = f"{NODE_ADDRESS}:{REGISTRY_PORT}"
"""Outside of the cluster's own network, as a registry on the internet would be."""


@pytest.fixture(scope="module")
def inside(chat: ChatStack, kube: Kube) -> Iterator[str]:
    """A namespace that belongs to the stack, without policies of its own."""
    chat.settle(3, SMOLLM2)
    name = f"{chat.stack.name}-clients"
    kube.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": namespace_labels(chat.stack.name)}})
    yield name
    kube.delete_namespace(name)


@pytest.fixture(scope="module")
def outside(run_name: str, kube: Kube) -> Iterator[str]:
    """A namespace that belongs to nobody."""
    name = f"foreign-{run_name}"
    kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    kube.delete_namespace(name)


def targets(chat: ChatStack) -> tuple[str, str]:
    """Return the server and the store, as pods of other namespaces call them."""
    return (
        f"chat.{chat.namespace}.svc.cluster.local:11434",
        f"model-store.{chat.namespace}.svc.cluster.local:5000",
    )


def test_a_marked_client_in_the_stacks_namespace_gets_in(chat: ChatStack, kube: Kube, inside: str) -> None:
    server, store = targets(chat)
    wanted = {server: True, store: False, REGISTRY: True}
    assert connects(kube, inside, CLIENT, wanted) == wanted


def test_a_pod_without_the_mark_does_not(chat: ChatStack, kube: Kube, inside: str) -> None:
    server, store = targets(chat)
    wanted = {server: False, store: False, REGISTRY: True}
    assert connects(kube, inside, {}, wanted) == wanted


def test_a_marked_pod_in_a_foreign_namespace_does_not(chat: ChatStack, kube: Kube, outside: str) -> None:
    server, store = targets(chat)
    wanted = {server: False, store: False, REGISTRY: True}
    assert connects(kube, outside, CLIENT, wanted) == wanted


def test_an_ollama_pod_reaches_dns_the_store_the_api_server_and_nothing_else(
    chat: ChatStack, kube: Kube, outside: str
) -> None:
    chat.settle(3, SMOLLM2)
    server, store = targets(chat)
    dns = kube.items("/api/v1/namespaces/kube-system/pods?labelSelector=k8s-app%3Dkube-dns")[0]["status"]["podIP"]
    closed = {REGISTRY: False, f"{dns}:8181": False, server: False}
    # The same places are open to a pod that no policy holds back; the server is not, by its own policy.
    control = {**dict.fromkeys(closed, True), server: False}
    assert connects(kube, outside, {}, control) == control
    # Never Ready, so that the server's Service sends no client to the probe.
    unready = {"readinessProbe": {"exec": {"command": ["/nowhere"]}}}
    # The agent watches its list of models and writes events.
    wanted = {**closed, store: True, f"{dns}:53": True, f"{KUBERNETES_SERVICE}:443": True}
    assert connects(kube, chat.namespace, server_selector("chat"), wanted, **unready) == wanted


def test_the_store_reaches_registries_but_not_the_servers(chat: ChatStack, kube: Kube) -> None:
    chat.settle(3, SMOLLM2)
    server, _ = targets(chat)
    wanted = {server: False, REGISTRY: True}
    unready = {"readinessProbe": {"exec": {"command": ["/nowhere"]}}}
    assert connects(kube, chat.namespace, store_selector(chat.stack.name), wanted, **unready) == wanted


def test_any_other_pod_beside_the_servers_reaches_nothing(chat: ChatStack, kube: Kube) -> None:
    chat.settle(3, SMOLLM2)
    server, store = targets(chat)
    wanted = {server: False, store: False, REGISTRY: False, f"{KUBERNETES_SERVICE}:443": False}
    assert connects(kube, chat.namespace, CLIENT, wanted) == wanted
