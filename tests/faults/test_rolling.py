"""Proves that an upgrade of the pods under steady load loses no answer, and measures the longest silence in one.

The load is three clients on a machine with few cores: no figure for how much load a server takes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from components.labels import OLLAMA_CLIENT, namespace_labels
from tests.faults.bed import REPLICAS, Bed
from tests.integration.probes import pod
from tests.support import load_client
from tests.support.kube import Item, wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(700)]

LOAD_S = 300


@pytest.fixture
def inside(bed: Bed) -> Iterator[str]:
    """A namespace whose marked pods may ask the stack's servers."""
    name = f"{bed.stack.name}-load"
    bed.kube.create("/api/v1/namespaces", {"metadata": {"name": name, "labels": namespace_labels(bed.stack.name)}})
    yield name
    bed.kube.delete_namespace(name)


@pytest.mark.usefixtures("nth")
def test_a_rolling_upgrade(bed: Bed, inside: str) -> None:
    with bed.case("Rolling upgrade under steady load") as turn:
        model = bed.registry.fresh()
        bed.configure(model)
        bed.stack.up()
        namespace, kube = bed.stack.namespace, bed.kube
        names = [f"chat-{index}" for index in range(REPLICAS)]
        before = {kube.wait_ready(namespace, name)["metadata"]["uid"] for name in names}
        url = f"http://chat.{namespace}.svc.cluster.local:11434"
        pods = f"/api/v1/namespaces/{inside}/pods"
        kube.create(pods, pod("load", {OLLAMA_CLIENT: "true"}, [load_client.TEXT, url, model.name, str(LOAD_S), "3"]))
        kube.wait_ready(inside, "load")
        bed.configure(model, pod={"annotations": {"example.com/turn": model.name.replace(":", "-")}})
        turn.fault()
        bed.stack.up()
        for name in names:

            def rolled(name: str = name) -> bool:
                return kube.wait_ready(namespace, name)["metadata"]["uid"] not in before

            wait_for(f"{name} is new and Ready", rolled, LOAD_S)
        turn.over()
        assert phase(kube.pod(inside, "load")) == "Running", "the load ended before the upgrade did"
        kube.execute(inside, "load", "probe", *load_client.STOP)
        wait_for("the load ends", lambda: phase(kube.pod(inside, "load")) == "Succeeded", LOAD_S + 60)
        told = json.loads(kube.request("GET", f"{pods}/load/log").text)
        turn.saw(f"{told['answered']} answers, {len(told['failed'])} failed; longest silence {told['silence_s']:.1f} s")
        assert told["failed"] == []
        assert told["answered"] > 5
        bed.right(model, turn=turn)


def phase(found: Item | None) -> str:
    """Where a pod is in its life."""
    return "" if found is None else str(found["status"].get("phase"))
