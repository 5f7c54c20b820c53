"""The loop with a real Ollama and a real registry: arrive, heal, leave, wait, survive a kill.

The API server is a double (`api_server.py`), so the Role, the projected token and a real ConfigMap are not shown
here, nor a kubelet's probes; the tests on the local cluster show those. Models are tiny.
"""

from __future__ import annotations

import signal
import time

import httpx
import pytest

from tests.replica_agent.conftest import Rig
from tests.replica_agent.harness import delete, listing, names_of, until
from tests.support.faulty_proxy import MANIFEST, Fault
from tests.support.tiny_model import create_tiny

pytestmark = pytest.mark.ollama


def test_a_wanted_model_comes_and_the_replica_is_admitted(rig: Rig) -> None:
    agent = rig.start()
    assert not agent.ready()
    assert "no wanted list yet" in agent.get("/readyz").text
    rig.want(1)
    agent.wait_ready("tiny:1")
    assert agent.ready()
    assert names_of(rig.ollama.url) == ["tiny:1"]
    model = agent.model("tiny:1")
    assert (model.digest, model.failure) == (rig.models[0].digest, None)
    assert model.completed == model.total == model.size_bytes > rig.models[0].size
    report = agent.report()
    assert (report.server, report.replica, report.admitted) == ("chat", "chat-0", True)
    assert report.ollama_version
    until(lambda: rig.api.reasons("tiny:1") == ["ModelPulling", "ModelReady"])


def test_an_empty_list_admits_at_once(rig: Rig) -> None:
    agent = rig.start()
    rig.want()
    until(agent.ready)
    assert agent.report().phase == "Ready"


def test_a_model_deleted_behind_its_back_comes_back_at_the_next_look(rig: Rig) -> None:
    agent = rig.start()
    rig.want(1)
    agent.wait_ready("tiny:1")
    delete(rig.ollama.url, "tiny:1")
    until(lambda: names_of(rig.ollama.url) == ["tiny:1"])
    agent.wait_ready("tiny:1")
    assert agent.metric("model_drifts_total", model="tiny:1") == 1
    until(lambda: "ModelDrifted" in rig.api.reasons("tiny:1"))
    assert agent.ready()


def test_what_is_no_longer_wanted_goes_and_what_others_brought_stays(rig: Rig) -> None:
    create_tiny(rig.ollama.url, "foreign:1", seed=9)
    agent = rig.start()
    rig.want(1, 2)
    agent.wait_ready("tiny:1", "tiny:2")
    rig.want(2)
    agent.wait_ready("tiny:2")
    until(lambda: names_of(rig.ollama.url) == ["foreign:1", "tiny:2"])
    until(lambda: agent.report().leaving == ())
    until(lambda: "ModelRemoved" in rig.api.reasons("tiny:1"))
    assert agent.ready()


def test_readiness_is_latched_while_a_further_model_is_brought(rig: Rig) -> None:
    agent = rig.start()
    rig.want(1)
    until(agent.ready)
    rig.proxy.reset(Fault("status", MANIFEST, status=500, times=None, ranged_only=False))
    rig.want(1, 2)
    until(lambda: agent.phases() == ["Ready", "Retrying"])
    assert agent.ready()
    assert agent.report().phase == "Pulling"


def test_a_replica_is_not_ready_before_its_last_model(rig: Rig) -> None:
    rig.proxy.reset(Fault("status", MANIFEST, status=404, times=None, ranged_only=False))
    agent = rig.start(lookSeconds=0.3)
    rig.want(1)
    until(lambda: agent.phases() == ["Failed"])
    assert not agent.ready()
    assert "tiny:1 (Failed)" in agent.get("/readyz").text
    rig.proxy.reset()
    agent.wait_ready("tiny:1")
    assert agent.ready()


def test_a_preloaded_model_is_in_memory_and_again_when_ollama_was_restarted(rig: Rig) -> None:
    agent = rig.start()
    rig.api.publish(listing(rig.entry(1, preload=True, keep_alive="1h")))
    until(agent.ready)

    def loaded() -> list[str]:
        try:
            return [one["name"] for one in httpx.get(f"{rig.ollama.url}/api/ps", trust_env=False).json()["models"]]
        except httpx.TransportError:
            return []

    assert loaded() == ["tiny:1"]
    rig.ollama.stop(signal.SIGKILL)
    until(lambda: not agent.ready())
    assert agent.get("/ollama/livez").status_code == 503
    until(lambda: agent.report().problem is not None)
    rig.ollama.start()
    until(lambda: loaded() == ["tiny:1"])
    until(agent.ready)
    assert agent.metric("ollama_starts") == 2


def test_a_newer_list_cancels_work_on_an_older_one(rig: Rig) -> None:
    rig.proxy.reset(Fault("stall", after=1000, times=None))
    agent = rig.start(policy={"noProgressS": 60, "deadlineS": 60})
    rig.want(1)
    until(lambda: agent.phases() == ["Pulling"])
    rig.proxy.reset()
    began = time.monotonic()
    rig.want(2)
    agent.wait_ready("tiny:2")
    assert time.monotonic() - began < 10
    assert agent.logged("cancelled")
    assert names_of(rig.ollama.url) == ["tiny:2"]


def test_a_killed_agent_begins_where_it_was_and_still_knows_what_it_brought(rig: Rig) -> None:
    rig.proxy.reset(Fault("slow", delay_s=0.3, times=None))
    agent = rig.start("same")
    rig.want(1, 2)
    until(lambda: any(model.completed for model in agent.report().models))
    agent.stop(signal.SIGKILL)
    rig.proxy.reset()
    again = rig.start("same")
    again.wait_ready("tiny:1", "tiny:2")
    assert names_of(rig.ollama.url) == ["tiny:1", "tiny:2"]
    assert again.model("tiny:1").digest == rig.models[0].digest
    rig.want()
    until(lambda: names_of(rig.ollama.url) == [])


def test_one_that_is_asked_for_in_a_wrong_way_does_not_keep_the_others_away(rig: Rig) -> None:
    agent = rig.start()
    wrong = rig.entry(1, digest="sha256:12")
    rig.api.publish(listing(wrong, rig.entry(2), rig.entry(3, "bad name")))
    until(lambda: agent.phases() == ["Failed", "Ready", "Failed"])
    failures = [model.failure for model in agent.report().models]
    assert [failure.kind for failure in failures if failure is not None] == ["configuration", "configuration"]
    assert not agent.ready()


def test_aliases_share_the_model_and_go_with_it(rig: Rig) -> None:
    agent = rig.start()
    rig.api.publish(listing(rig.entry(1, aliases=("assistant:latest",))))
    agent.wait_ready("tiny:1")
    assert names_of(rig.ollama.url) == ["assistant:latest", "tiny:1"]
    rig.api.publish(listing(rig.entry(1)))
    until(lambda: names_of(rig.ollama.url) == ["tiny:1"])


def test_a_read_only_replica_waits_for_what_another_writes(rig: Rig) -> None:
    reader = rig.start("reader", readOnly=True)
    rig.want(1)
    until(lambda: reader.phases() == ["Retrying"])
    assert not reader.ready()
    assert names_of(rig.ollama.url) == []
    writer = rig.start("writer")
    writer.wait_ready("tiny:1")
    reader.wait_ready("tiny:1")
    assert reader.ready()
    assert not reader.ledger.exists()
