"""Proves that models get to replicas, stay there, are mended and removed, on a real cluster by real deploys.

The registry is the node's own, reached by the name of a mirror. What a registry on the internet does is not shown
here, and neither is a second node.
"""

from __future__ import annotations

import base64
import contextlib
import threading
from pathlib import Path

import pytest
import yaml

from tests.integration.chat import LISTS, MINILM, SMOLLM2, ChatStack
from tests.integration.mirror import upstream_model
from tests.support.kube import Kube, wait_for
from tests.support.stack import Engine
from toolchain.node.node import Node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

MANIFESTS = 20_000
"""Bytes allowed beside blobs: manifests of a few hundred bytes, and what the registry says to wrong questions."""


def traffic(chat: ChatStack) -> dict[str, float]:
    """Return what the store counts of models, leaving out the probes' and our own questions."""
    counted = ("model_store_upstream_", "model_store_served_bytes", "model_store_downloads_started")
    probes = ('kind="health"', 'kind="ready"', 'kind="metrics"')
    return {
        name: value
        for name, value in chat.metrics().items()
        if name.startswith(counted) and not any(probe in name for probe in probes)
    }


def test_up_brings_a_model_that_answers(chat: ChatStack, kube: Kube, node: Node) -> None:
    chat.settle(1, SMOLLM2)
    digest, _ = upstream_model(node, SMOLLM2)
    assert chat.digests(SMOLLM2, 1) == {"chat-0": digest}
    assert "Paris" in chat.replica(0).ask(SMOLLM2, "What is the capital of France?")
    for name in ("chat-0", "model-store-0"):
        pod = kube.wait_ready(chat.namespace, name)
        outer = pod["spec"]["securityContext"]
        assert (outer["runAsUser"], outer["runAsNonRoot"]) == (1001, True)
        assert outer["seccompProfile"] == {"type": "RuntimeDefault"}
        tokens = {volume["name"] for volume in pod["spec"]["volumes"] if "projected" in volume}
        for container in pod["spec"]["containers"]:
            inner = container["securityContext"]
            assert inner["readOnlyRootFilesystem"]
            assert not inner["allowPrivilegeEscalation"]
            assert inner["capabilities"] == {"drop": ["ALL"]}
            mounted = tokens & {mount["name"] for mount in container["volumeMounts"]}
            assert bool(mounted) == (container["name"] == "agent"), "only the agent has a token"


def test_a_pod_that_breaks_the_rules_is_refused(chat: ChatStack, kube: Kube) -> None:
    chat.settle(1, SMOLLM2)
    pod = {"metadata": {"name": "root"}, "spec": {"containers": [{"name": "root", "image": "busybox:1.35"}]}}
    answer = kube.request("POST", f"/api/v1/namespaces/{chat.namespace}/pods", pod)
    assert answer.status_code == 403
    assert "restricted" in answer.json()["message"]


def test_the_second_up_changes_nothing_and_pulls_nothing(chat: ChatStack) -> None:
    chat.settle(1, SMOLLM2)
    before = traffic(chat)
    assert any(name.startswith("model_store_upstream_bytes") for name in before)
    assert any(name.startswith("model_store_served_bytes") for name in before)
    outcome = chat.up("--expect-no-changes")
    assert set(outcome.changes) == {"same"}
    assert "warning" not in outcome.output
    assert traffic(chat) == before


def test_no_credential_gets_into_the_state_or_the_log(chat: ChatStack, engine: Engine) -> None:
    chat.settle(1, SMOLLM2)
    user = yaml.safe_load(engine.kubeconfig.read_text())["users"][0]["user"]
    key = user["client-key-data"]
    lines = base64.b64decode(key).decode().splitlines()
    secrets = [key, *lines[1:-1], chat.stack.passphrase.read_text()]
    state, plain = chat.stack.state(), chat.stack.state("--show-secrets")
    assert SMOLLM2 in plain
    for place, text in {"state": state, "state in clear": plain, "log": chat.stack.log.read_text()}.items():
        assert not [secret for secret in secrets if secret in text], f"the {place} holds a credential"
    files = [path for path in chat.stack.folder.rglob("*") if path.is_file() and path != chat.stack.passphrase]
    assert not [path for path in files if key.encode() in path.read_bytes()]


def test_three_replicas_get_it_without_asking_upstream_again(chat: ChatStack, kube: Kube, node: Node) -> None:
    chat.settle(1, SMOLLM2)
    before = chat.upstream_bytes()
    first = kube.wait_ready(chat.namespace, "chat-0")["metadata"]["uid"]
    chat.configure(3, SMOLLM2)
    chat.up()
    digest, _ = upstream_model(node, SMOLLM2)
    assert chat.digests(SMOLLM2, 3) == {"chat-0": digest, "chat-1": digest, "chat-2": digest}
    assert chat.upstream_bytes() - before < MANIFESTS
    assert kube.wait_ready(chat.namespace, "chat-0")["metadata"]["uid"] == first


def test_three_replicas_at_once_cost_one_download(chat: ChatStack, node: Node) -> None:
    chat.settle(3, SMOLLM2)
    # An empty volume, whatever ran before; the count begins with the new pod.
    chat.lose_disk("model-store-0")
    before = chat.upstream_bytes()
    chat.configure(3, SMOLLM2, MINILM)
    outcome = chat.up()
    assert outcome.touched == {f"chat-{MINILM}": "create", **LISTS}
    digest, size = upstream_model(node, MINILM)
    assert set(chat.digests(MINILM, 3).values()) == {digest}
    assert size <= chat.upstream_bytes() - before < size + MANIFESTS


def test_a_model_taken_off_one_replica_comes_back_by_itself(chat: ChatStack, node: Node) -> None:
    chat.settle(3, SMOLLM2, MINILM)
    digest, _ = upstream_model(node, SMOLLM2)
    chat.replica(1).delete(SMOLLM2)
    assert not chat.replica(1).knows(SMOLLM2)
    wait_for("the agent mends it at its next look", lambda: chat.replica(1).digests().get(SMOLLM2) == digest, 90)
    outcome = chat.up("--refresh", "--expect-no-changes")
    assert set(outcome.changes) == {"same"}


def test_a_replica_at_another_digest_comes_back_by_itself(chat: ChatStack, node: Node) -> None:
    pinned, _ = upstream_model(node, SMOLLM2)
    other, _ = upstream_model(node, MINILM)
    chat.settle(3, {"name": SMOLLM2, "digest": pinned}, MINILM)
    replica = chat.replica(2)
    replica.delete(SMOLLM2)
    replica.copy(MINILM, SMOLLM2)
    replica.look()
    wait_for("the agent mends it", lambda: replica.digests().get(SMOLLM2) == pinned, 30)
    assert set(chat.digests(SMOLLM2, 3).values()) == {pinned}
    assert set(chat.digests(MINILM, 3).values()) == {other}


def test_drift_that_cannot_be_mended_is_reported_by_refresh(chat: ChatStack, node: Node) -> None:
    digest, _ = upstream_model(node, SMOLLM2)
    chat.settle(3, SMOLLM2)
    chat.lose_disk("model-store-0")
    with chat.mirror.broken():
        chat.disturb()
        chat.replica(1).delete(SMOLLM2)
        chat.replica(1).look()
        wait_for("the agent tries", lambda: chat.replica(1).report()["models"][0]["phase"] != "Ready", 30)
        chat.stack.refresh()
        preview = chat.stack.preview()
        assert preview.touched == {f"chat-{SMOLLM2}": "update"}
        reported = [line for line in preview.output.splitlines() if "missing" in line]
        assert len(reported) == 1
        assert "chat-1" in reported[0]
    outcome = chat.up()
    assert outcome.touched == {f"chat-{SMOLLM2}": "update"}
    assert set(chat.digests(SMOLLM2, 3).values()) == {digest}


def test_a_lost_disk_fills_before_the_replica_is_ready(chat: ChatStack, node: Node) -> None:
    chat.settle(3, SMOLLM2, MINILM)
    chat.lose_disk("chat-1")
    # Ready again by now, and nobody ran Pulumi.
    for model in (SMOLLM2, MINILM):
        digest, _ = upstream_model(node, model)
        assert set(chat.digests(model, 3).values()) == {digest}
    assert set(chat.up("--refresh", "--expect-no-changes").changes) == {"same"}


def test_a_model_taken_out_of_the_settings_goes_from_every_replica(chat: ChatStack) -> None:
    chat.settle(3, SMOLLM2, MINILM)
    chat.configure(3, SMOLLM2)
    outcome = chat.up()
    assert outcome.touched == {f"chat-{MINILM}": "delete", **LISTS}
    for index in range(3):
        assert list(chat.replica(index).digests()) == [SMOLLM2]
        assert not chat.replica(index).knows(MINILM)
        assert chat.replica(index).knows(SMOLLM2)


def test_scaling_down_takes_the_disks_along(chat: ChatStack, kube: Kube) -> None:
    chat.settle(3, SMOLLM2)
    chat.configure(1, SMOLLM2)
    outcome = chat.up()
    assert "delete" not in outcome.changes
    claims = f"/api/v1/namespaces/{chat.namespace}/persistentvolumeclaims"
    wanted = {"data-chat-0", "data-model-store-0"}
    wait_for(
        "the disks of chat-1 and chat-2 go", lambda: {c["metadata"]["name"] for c in kube.items(claims)} == wanted, 60
    )
    assert chat.replica(0).knows(SMOLLM2)


def test_a_killed_store_and_no_upstream_do_not_stop_a_scale_up(chat: ChatStack, kube: Kube, node: Node) -> None:
    chat.settle(1, SMOLLM2)
    digest, size = upstream_model(node, SMOLLM2)
    if chat.metrics()["model_store_stored_bytes"] < size:
        # The store has lost its disk since: one replica gets the model anew, and the store with it.
        chat.disturb()
        chat.replica(0).delete(SMOLLM2)
        chat.up("--refresh")
    store = kube.wait_ready(chat.namespace, "model-store-0")["metadata"]["uid"]
    faults: list[AssertionError] = []

    def kill() -> None:
        try:
            wait_for("chat-1 is made", lambda: kube.pod(chat.namespace, "chat-1"), 120)
            kube.delete(f"/api/v1/namespaces/{chat.namespace}/pods/model-store-0", grace_s=0)
        except AssertionError as error:
            faults.append(error)

    killer = threading.Thread(target=kill)
    chat.configure(3, SMOLLM2)
    with chat.mirror.broken(), contextlib.ExitStack() as after:
        killer.start()
        after.callback(killer.join)
        chat.up()
    assert not faults
    assert kube.wait_ready(chat.namespace, "model-store-0", other_than=store)
    assert set(chat.digests(SMOLLM2, 3).values()) == {digest}
    # It stood in for an upstream that did not answer, and says so.
    assert chat.metrics()["model_store_stale_manifests_served_total"] >= 1


def test_the_checkout_stays_as_it_is(chat: ChatStack) -> None:
    assert chat.stack.log.exists()
    checkout = Path(__file__).parents[2]
    assert not list(checkout.glob(f"*{chat.stack.name}*"))
