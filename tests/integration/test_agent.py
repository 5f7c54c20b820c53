"""Proves what the agent in every pod does, on a real cluster.

Models before traffic, no way for clients to manage them, events, created models, aliases and preloading, and a rolling
upgrade under load without a lost answer. One node, so nothing is shown of drains between nodes.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from typing import Any

import pytest

from components.labels import OLLAMA_CLIENT, namespace_labels
from tests.integration.chat import MINILM, SMOLLM2, ChatStack, server
from tests.integration.endpoints import EndpointHistory
from tests.integration.mirror import upstream_model
from tests.integration.probes import pod
from tests.support import load_client
from tests.support.kube import Item, Kube, Replica, is_ready, wait_for
from toolchain.node.node import Node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def inside(chat: ChatStack, kube: Kube) -> Iterator[str]:
    """A namespace whose marked pods may ask the stack's servers."""
    name = f"{chat.stack.name}-load"
    kube.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": namespace_labels(chat.stack.name)}})
    yield name
    kube.delete_namespace(name)


def scale(chat: ChatStack, kube: Kube, replicas: int) -> None:
    """Scale as an autoscaler would, behind Pulumi's back."""
    chat.disturb()
    path = f"/apis/apps/v1/namespaces/{chat.namespace}/statefulsets/chat/scale"
    kube.patch(path, {"spec": {"replicas": replicas}})


def test_a_replica_made_by_an_autoscaler_has_its_models_before_it_is_ready(
    chat: ChatStack, kube: Kube, node: Node
) -> None:
    chat.settle(1, SMOLLM2, MINILM)
    seen: list[tuple[bool, bool]] = []

    def look() -> Item | None:
        found = kube.pod(chat.namespace, "chat-1")
        if found is None:
            return None
        ready = is_ready(found)
        has = False
        # It may not listen yet.
        with contextlib.suppress(AssertionError):
            has = set(Replica(kube, chat.namespace, "chat-1").digests()) == {SMOLLM2, MINILM}
        seen.append((ready, has))
        return found if ready else None

    wait_for("the chat-1 of an earlier scale is gone", lambda: kube.pod(chat.namespace, "chat-1") is None, 60)
    scale(chat, kube, 2)
    wait_for("chat-1 is Ready", look, 120)
    assert seen[-1] == (True, True)
    assert not [one for one in seen if one == (True, False)]
    digest, _ = upstream_model(node, SMOLLM2)
    assert set(chat.digests(SMOLLM2, 2).values()) == {digest}


def test_clients_may_ask_but_not_manage(chat: ChatStack) -> None:
    chat.settle(1, SMOLLM2)
    replica = chat.replica(0)
    before = replica.digests()
    for path, body, method in (
        ("/api/delete", {"model": SMOLLM2}, "DELETE"),
        ("/api/pull", {"model": MINILM}, "POST"),
        ("/api/copy", {"source": SMOLLM2, "destination": "mine"}, "POST"),
        ("/api/create", {"model": "mine", "from": SMOLLM2}, "POST"),
        ("//api//delete", {"model": SMOLLM2}, "DELETE"),
        ("/api/%64elete", {"model": SMOLLM2}, "DELETE"),
    ):
        answer = replica.manage(path, body, method)
        assert answer.status_code in (403, 404), (path, answer.status_code, answer.text)
    assert replica.digests() == before
    refused = replica.manage("/api/pull", {"model": MINILM})
    assert refused.status_code == 403
    assert "error" in refused.json()


def test_ollama_is_reached_through_the_agent_alone(chat: ChatStack, kube: Kube) -> None:
    chat.settle(1, SMOLLM2)
    path = f"/api/v1/namespaces/{chat.namespace}/pods/chat-0:11435/proxy/api/version"
    assert kube.request("GET", path).status_code >= 500


def test_what_happens_is_told_as_events(chat: ChatStack, kube: Kube) -> None:
    chat.settle(1, SMOLLM2)
    replica = chat.replica(0)
    replica.delete(SMOLLM2)
    replica.look()
    path = f"/apis/events.k8s.io/v1/namespaces/{chat.namespace}/events"

    def reasons() -> set[str]:
        return {one["reason"] for one in kube.items(path) if one["regarding"]["name"] == "chat-0"}

    wait_for("the drift and its end are told", lambda: reasons() >= {"ModelDrifted", "ModelReady"}, 60)


def test_created_aliased_and_preloaded(chat: ChatStack, kube: Kube) -> None:
    assistant: dict[str, Any] = {
        "name": "assistant:1",
        "create": {
            "from": SMOLLM2,
            "system": "You answer in one word.",
            "parameters": {"temperature": 0, "stop": ["."]},
        },
        "aliases": ["helper:latest"],
        "preload": True,
        "keepAlive": "-1",
    }
    chat.configure(1, SMOLLM2, assistant)
    chat.up()
    replica = chat.replica(0)
    found = replica.digests()
    assert set(found) == {SMOLLM2, "assistant:1", "helper:latest"}
    assert found["assistant:1"] == found["helper:latest"] != found[SMOLLM2]
    shown = replica.manage("/api/show", {"model": "assistant:1"}).json()
    assert shown["system"] == "You answer in one word."
    assert "temperature" in shown["parameters"]
    loaded = replica.running()["assistant:1"]
    # Ollama writes for ever as a year that nobody lives to see.
    assert int(loaded["expires_at"][:4]) > 2100
    assert kube.wait_ready(chat.namespace, "chat-0")
    assert set(chat.up("--refresh", "--expect-no-changes").changes) == {"same"}

    changed = {**assistant, "create": {**assistant["create"], "system": "You answer in two words."}}
    chat.configure(1, SMOLLM2, changed)
    outcome = chat.up()
    assert outcome.touched == {"chat-assistant:1": "update", "chat-models": "update"}
    again = replica.digests()
    assert again["assistant:1"] == again["helper:latest"] != found["assistant:1"]
    assert "two words" in replica.manage("/api/show", {"model": "helper"}).json()["system"]

    chat.configure(1, SMOLLM2)
    chat.up()
    assert set(replica.digests()) == {SMOLLM2}


def test_a_rolling_upgrade_drops_no_request(chat: ChatStack, kube: Kube, inside: str) -> None:
    chat.settle(2, SMOLLM2)
    before = {name: kube.wait_ready(chat.namespace, name)["metadata"]["uid"] for name in ("chat-0", "chat-1")}
    url = f"http://chat.{chat.namespace}.svc.cluster.local:11434"
    pods = f"/api/v1/namespaces/{inside}/pods"
    kube.create(pods, pod("load", {OLLAMA_CLIENT: "true"}, [load_client.TEXT, url, SMOLLM2, "300", "3"]))
    wait_for("the load runs", lambda: chat.replica(0).report()["inFlight"] + chat.replica(1).report()["inFlight"], 60)
    changed = server(2, [SMOLLM2]) | {"pod": {"annotations": {"example.com/turn": "1"}}}
    chat.stack.configure({**chat.stack.configured, "servers": [changed]})
    chat.disturb()

    def rolled() -> bool:
        found = [kube.pod(chat.namespace, name) for name in before]
        ready = [one for one in found if one is not None and is_ready(one)]
        return len(ready) == 2 and not {one["metadata"]["uid"] for one in ready} & set(before.values())

    with EndpointHistory(kube, chat.namespace, "chat") as history:
        chat.stack.up()
        wait_for("both pods are new and Ready", rolled, 200)
        load = kube.pod(inside, "load")
        assert load is not None
        assert load["status"]["phase"] == "Running", "the load ended before the upgrade did"
        kube.execute(inside, "load", "probe", *load_client.STOP)
        wait_for("the load ends", lambda: (kube.pod(inside, "load") or {})["status"]["phase"] == "Succeeded", 150)
    told = json.loads(kube.request("GET", f"{pods}/load/log").text)
    assert told["failed"] == [], "\n".join([*told["failed"], "endpoints:", *history.lines])
    assert told["answered"] > 5
