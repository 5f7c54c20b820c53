"""How the wanted list reaches a running agent: watch, reconnects, tokens, the file, lists that are wrong.

The API server is a double that behaves as the real one does in what is tested here; that the real one does so too is
shown on the local cluster. Ollama is real, but no model is pulled: the lists are empty or cannot be brought.
"""

from __future__ import annotations

import json

import pytest

from ollama.document import WantedEntry, revision
from replica_agent.report import ReplicaReport
from tests.replica_agent.conftest import Rig
from tests.replica_agent.harness import Agent, listing, until
from tests.support.processes import free_port

pytestmark = pytest.mark.ollama

EMPTY = listing()
OTHER = listing(WantedEntry(name="neither:1"))


def has(agent: Agent, text: str) -> bool:
    return agent.report().revision == revision(text)


def problem(report: ReplicaReport) -> str:
    return report.problem.message if report.problem is not None else ""


def test_a_change_arrives_by_the_watch(rig: Rig) -> None:
    rig.api.publish(EMPTY)
    agent = rig.start()
    until(lambda: has(agent, EMPTY))
    until(lambda: rig.api.watches == 1)
    rig.api.publish(OTHER)
    until(lambda: has(agent, OTHER))
    assert rig.api.gets == 1
    assert agent.metric("watch_connected") == 1


def test_a_watch_that_ends_goes_on_from_its_version(rig: Rig) -> None:
    rig.api.publish(EMPTY)
    agent = rig.start()
    until(lambda: rig.api.watches == 1)
    rig.api.end_watches()
    rig.api.publish(OTHER)
    until(lambda: has(agent, OTHER), 30)
    assert (rig.api.watches, rig.api.gets) == (2, 1)
    assert agent.metric("watch_failures") == 0


def test_a_version_that_is_gone_leads_to_a_fresh_read(rig: Rig) -> None:
    rig.api.publish(EMPTY)
    agent = rig.start()
    until(lambda: rig.api.watches == 1)
    rig.api.expired = True
    rig.api.end_watches()
    until(lambda: rig.api.gets == 2, 30)
    rig.api.publish(OTHER)
    until(lambda: has(agent, OTHER), 30)


def test_a_replaced_token_is_used(rig: Rig) -> None:
    rig.api.publish(EMPTY)
    agent = rig.start()
    until(lambda: rig.api.watches == 1)
    rig.api.tokens = {"second"}
    rig.api.end_watches()
    until(lambda: "401" in problem(agent.report()), 30)
    (agent.account / "token").write_text("second")
    rig.api.publish(OTHER)
    until(lambda: has(agent, OTHER), 30)
    assert agent.report().problem is None


def test_an_api_server_that_is_away_for_a_while(rig: Rig) -> None:
    rig.api.publish(EMPTY)
    agent = rig.start()
    until(lambda: rig.api.watches == 1)
    rig.api.refuse = 503
    rig.api.end_watches()
    until(lambda: agent.metric("watch_failures") >= 2, 30)
    assert agent.metric("watch_connected") == 0
    assert agent.ready()
    rig.api.refuse = 0
    rig.api.publish(OTHER)
    until(lambda: has(agent, OTHER), 30)
    assert agent.metric("watch_connected") == 1


def test_the_file_serves_until_the_api_server_answers_and_not_after(rig: Rig) -> None:
    rig.api.refuse = 503
    agent = rig.start()
    assert not agent.ready()
    agent.wanted_file.write_text(EMPTY)
    until(agent.ready)
    rig.api.publish(OTHER)
    rig.api.refuse = 0
    until(lambda: has(agent, OTHER), 30)
    agent.wanted_file.write_text(listing(WantedEntry(name="third:1")))
    # The list comes before the watch that follows it; ended too early, none ends.
    until(lambda: rig.api.watches >= 1, 30)
    rig.api.end_watches()
    until(lambda: rig.api.watches >= 2, 30)
    assert has(agent, OTHER)


def test_without_an_api_server_the_file_is_followed(rig: Rig) -> None:
    agent = rig.start(with_api=False)
    until(lambda: "cannot be read" in problem(agent.report()))
    agent.wanted_file.write_text(EMPTY)
    until(agent.ready)
    agent.wanted_file.write_text(OTHER)
    until(lambda: has(agent, OTHER))
    assert agent.metric("watch_connected") == 1


def test_a_list_that_is_wrong_is_named_and_the_last_good_one_goes_on(rig: Rig) -> None:
    rig.api.publish(EMPTY)
    agent = rig.start()
    until(agent.ready)
    rig.api.publish(json.dumps({"version": 1, "models": [{"name": "a:1", "colour": "red"}]}))
    until(lambda: "models.0.colour" in problem(agent.report()))
    assert has(agent, EMPTY)
    assert agent.ready()
    rig.api.publish(OTHER)
    until(lambda: has(agent, OTHER))
    assert agent.report().problem is None


def test_a_deleted_config_map_takes_nothing_away(rig: Rig) -> None:
    rig.api.publish(EMPTY)
    agent = rig.start()
    until(agent.ready)
    rig.api.publish(None)
    until(lambda: "was deleted" in problem(agent.report()))
    assert has(agent, EMPTY)
    rig.api.publish(OTHER)
    until(lambda: has(agent, OTHER), 30)


def test_an_entry_that_says_nothing_is_a_configuration_failure(rig: Rig) -> None:
    rig.api.publish(OTHER)
    agent = rig.start()
    until(lambda: agent.phases() == ["Failed"])
    failure = agent.model("neither:1").failure
    assert failure is not None
    assert failure.kind == "configuration"
    until(lambda: rig.api.reasons("neither:1") == ["ModelFailed"])


def test_before_ollama_answers_nothing_is_a_failure(rig: Rig) -> None:
    rig.api.publish(OTHER)
    agent = rig.start(ollamaUrl=f"http://127.0.0.1:{free_port()}")
    until(lambda: has(agent, OTHER))
    until(lambda: problem(agent.report()) == "Ollama does not answer")
    assert agent.phases() == ["Pending"]
    assert agent.get("/ollama/livez").status_code == 503
    assert agent.get("/healthz").status_code == 200
