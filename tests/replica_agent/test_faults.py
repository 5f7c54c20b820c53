"""Registries that fail in every way, seen through the agent: the right phase, the right kind, and then the model.

Ollama, registry and agent are real; the harm is done by a proxy between Ollama and the registry (`faulty_proxy.py`).
Full disks are not shown here; tests/ollama and the tests on the local cluster show those.
"""

from __future__ import annotations

import re
import time

import pytest

from tests.replica_agent.conftest import Rig
from tests.replica_agent.harness import listing, names_of, until
from tests.support.faulty_proxy import BLOB, MANIFEST, Fault

pytestmark = pytest.mark.ollama


def manifest(status: int) -> Fault:
    return Fault("status", MANIFEST, status=status, times=None, ranged_only=False)


@pytest.mark.parametrize(
    ("fault", "phase", "kind"),
    [
        (manifest(500), "Retrying", "transient"),
        (manifest(429), "Retrying", "transient"),
        (manifest(404), "Failed", "configuration"),
        (manifest(401), "Failed", "configuration"),
        (Fault("stall", after=1000, times=None), "Retrying", "transient"),
        (Fault("stall", MANIFEST, after=10, times=None, ranged_only=False), "Retrying", "transient"),
        (Fault("cut", MANIFEST, after=10, times=None, ranged_only=False), "Retrying", "transient"),
        (Fault("corrupt", BLOB, after=1000, times=None), "Retrying", "transient"),
    ],
    ids=["500", "429", "404", "401", "blob-stalls", "manifest-stalls", "manifest-cut", "flipped-byte"],
)
def test_phase_and_kind_of_a_failure_and_its_end(rig: Rig, fault: Fault, phase: str, kind: str) -> None:
    rig.proxy.reset(fault)
    # A download that is cancelled before Ollama has hashed it is never hashed again, so a flipped byte needs time.
    patience = 5 if fault.kind == "corrupt" else 1
    agent = rig.start(lookSeconds=0.5, policy={"noProgressS": patience, "deadlineS": 20})
    rig.want(1)

    def failed() -> bool:
        model = agent.model("tiny:1") if agent.report().models else None
        return model is not None and model.phase == phase and model.failure is not None

    until(failed, 60)
    failure = agent.model("tiny:1").failure
    assert failure is not None
    assert failure.kind == kind
    assert failure.message
    assert not agent.ready()
    assert names_of(rig.ollama.url) == []
    assert agent.metric("model_tries_total", model="tiny:1", result=kind) >= 1
    # Between two tries the phase is this one; while a try goes on it is another.
    until(lambda: agent.metric("model_phase", model="tiny:1", phase=phase) == 1, 60)
    until(lambda: "ModelFailed" in rig.api.reasons("tiny:1"))
    rig.proxy.reset()
    agent.wait_ready("tiny:1", seconds=60)
    assert agent.ready()
    assert agent.model("tiny:1").digest == rig.models[0].digest


def test_a_short_fault_is_passed_over(rig: Rig) -> None:
    rig.proxy.reset(Fault("cut", BLOB, after=1000, times=2))
    agent = rig.start()
    rig.want(1)
    agent.wait_ready("tiny:1", seconds=60)
    assert agent.model("tiny:1").digest == rig.models[0].digest


def test_a_source_that_hangs_does_not_keep_the_others_away(rig: Rig) -> None:
    rig.proxy.reset(Fault("stall", MANIFEST, after=10, times=None, ranged_only=False))
    agent = rig.start(policy={"noProgressS": 2, "deadlineS": 5})
    rig.want(1)
    until(lambda: agent.phases() == ["Retrying"])
    first = re.compile(r"/v2/library/tiny/manifests/1$")
    rig.proxy.reset(Fault("stall", first, after=10, times=None, ranged_only=False))
    rig.want(1, 2, 3)
    until(lambda: agent.phases()[1:] == ["Ready", "Ready"], 60)
    assert agent.phases()[0] in {"Pulling", "Retrying"}


def test_what_only_a_change_helps_is_tried_rarely_and_at_once_when_changed(rig: Rig) -> None:
    rig.proxy.reset(manifest(404))
    agent = rig.start(lookSeconds=60)
    rig.want(1)
    until(lambda: agent.phases() == ["Failed"])
    asked = rig.proxy.count(MANIFEST)
    time.sleep(3)
    assert rig.proxy.count(MANIFEST) == asked
    rig.proxy.reset()
    rig.api.publish(listing(rig.entry(1, retain=True)))
    agent.wait_ready("tiny:1")


def test_a_wrong_digest_is_a_configuration_failure_that_names_both(rig: Rig) -> None:
    agent = rig.start(lookSeconds=60)
    wanted, have = rig.models[1].digest, rig.models[0].digest
    rig.api.publish(listing(rig.entry(1, digest=wanted)))
    until(lambda: agent.phases() == ["Failed"])
    failure = agent.model("tiny:1").failure
    assert failure is not None
    assert failure.kind == "configuration"
    assert wanted in failure.message
    assert have in failure.message
    assert names_of(rig.ollama.url) == []
