"""Phases of models and of the replica, and what a new list keeps.

Not shown: that Ollama goes through these steps; tests/replica_agent shows that.
"""

from __future__ import annotations

from typing import get_args

import pytest

from ollama import ConfigurationError, PullEvent, ResourceError, SystemFault, TransientError
from ollama.document import Pull, WantedEntry, fingerprint
from ollama.state import Phase
from replica_agent.report import ModelPhase, ReplicaReport
from replica_agent.status import Status, Track, phase_of


def entry(name: str = "a:1", **more: object) -> WantedEntry:
    return WantedEntry.model_validate({"name": name, "pull": Pull(source=f"store/library/{name}"), **more})


def track() -> Track:
    return Track(entry(), fingerprint(entry()))


def step(phase: Phase, completed: int = 0, total: int = 0) -> PullEvent:
    return PullEvent("chat-0", "a:1", phase, completed, total)


def test_every_step_of_the_library_has_a_phase() -> None:
    legal = set(get_args(ModelPhase))
    found = {name: phase_of(name) for name in get_args(Phase)}
    assert set(found.values()) <= legal
    assert (found["downloading"], found["creating"], found["loading"]) == ("Pulling", "Creating", "Loading")
    assert (found["verifying"], found["retrying"], found["quantizing"]) == ("Verifying", "Retrying", "Creating")


def test_a_look_at_what_is_there_is_no_new_phase() -> None:
    one = track()
    one.enter("Ready")
    since = one.since
    assert not one.take(step("ready", 5, 5))
    assert (one.phase, one.since, one.completed) == ("Ready", since, 0)
    assert one.take(step("downloading", 3, 9))
    assert (one.phase, one.completed, one.total) == ("Pulling", 3, 9)


@pytest.mark.parametrize(
    ("kind", "phase"),
    [(TransientError, "Retrying"), (ConfigurationError, "Failed"), (ResourceError, "Failed"), (SystemFault, "Failed")],
)
def test_kinds_of_failure(kind: type[TransientError], phase: ModelPhase) -> None:
    one = track()
    one.failed(kind("chat-0", "a:1", "why", "fix"))
    assert one.phase == phase
    report = one.report()
    assert report.failure is not None
    assert (report.failure.kind, report.failure.message, report.failure.hint) == (kind.kind, "why", "fix")
    one.succeeded("sha256:x", 7)
    assert (one.report().failure, one.failures, one.report().completed) == (None, 0, 7)


def test_a_try_that_got_further_begins_the_count_anew() -> None:
    one = track()
    error = TransientError("chat-0", "a:1", "cut")
    counts: list[int] = []
    for completed in (0, 0, 5, 5, 9):
        one.take(step("downloading", completed, 10))
        one.failed(error)
        counts.append(one.failures)
    assert counts == [1, 2, 1, 2, 1]


def test_a_new_list_keeps_what_is_wanted_as_before() -> None:
    status = Status("chat", "chat-0")
    assert (status.complete, status.phase(draining=False)) == (False, "Pending")
    status.adopt([entry("a:1"), entry("b:1")], "r1")
    a, b = status
    for one in (a, b):
        one.succeeded("sha256:x", 1)
        one.enter("Ready")
    status.adopt([entry("b:1", retain=True), entry("a:1"), entry("c:1")], "r2")
    first, second, third = status
    assert second is a
    assert (first.name, first.phase, first.digest) == ("b:1", "Pending", "sha256:x")
    assert (third.phase, third.digest) == ("Pending", None)
    assert status.report(draining=False, in_flight=0).revision == "r2"


def test_an_entry_that_stands_twice_is_two_tracks() -> None:
    status = Status("chat", "chat-0")
    status.adopt([entry(), entry()], "r1")
    status.adopt([entry(), entry()], "r2")
    first, second = status
    assert first is not second


def test_phases_of_the_replica() -> None:
    status = Status("chat", "chat-0", ollama_up=True)
    status.adopt([entry("a:1"), entry("b:1")], "r1")
    a, b = status
    seen: list[str] = []
    table: list[tuple[ModelPhase, ModelPhase]] = [
        ("Pending", "Pending"),
        ("Pulling", "Pending"),
        ("Ready", "Failed"),
        ("Ready", "Ready"),
    ]
    for phases in table:
        for one, phase in zip((a, b), phases, strict=True):
            one.enter(phase)
        seen.append(status.phase(draining=False))
    assert seen == ["Pending", "Pulling", "Failed", "Ready"]
    assert status.phase(draining=True) == "Terminating"
    status.ollama_up = False
    assert status.phase(draining=False) == "Pending"


def test_the_report_is_read_back_from_its_json() -> None:
    status = Status("chat", "chat-0", leaving=("old:1",))
    status.adopt([entry()], "r1")
    status.problem("list", "broken", "configuration", "mend it")
    report = status.report(draining=True, in_flight=3)
    text = report.model_dump_json(by_alias=True)
    assert '"inFlight":3' in text
    assert ReplicaReport.model_validate_json(text) == report
    assert report.problem is not None
    assert report.problem.message == "broken"
    status.problem("list")
    assert status.report(draining=False, in_flight=0).problem is None


def test_what_is_made_of_what_failed_says_so() -> None:
    base, made = track(), Track(entry("m:1"), "f")
    base.failed(ConfigurationError("chat-0", "a:1", "no such model"))
    made.wait_for(base)
    assert made.phase == "Pending"
    assert made.failure is not None
    assert "a:1" in made.failure.message
    assert "no such model" in made.failure.message
