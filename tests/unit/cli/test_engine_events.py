"""Events as the engine writes them, read through the SDK. They were recorded from Pulumi 3.224.0 and shortened."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.automation.events import EngineEvent

from cli.engine_events import Other, Said, Step, Summary, read

URN = "urn:pulumi:dev::echorator::echorator:index:OllamaServer$kubernetes:apps/v1:StatefulSet::chat"
STACK = "urn:pulumi:dev::echorator::pulumi:pulumi:Stack::echorator-dev"


def event(**content: Any) -> EngineEvent:
    return EngineEvent.from_json({"sequence": 1, "timestamp": 1795365239, **content})


def step(op: str, **more: Any) -> dict[str, Any]:
    kind = "kubernetes:apps/v1:StatefulSet"
    return {"metadata": {"op": op, "urn": URN, "type": kind, "provider": "", "old": None, "new": None, **more}}


def test_a_step_without_a_detailed_diff_is_read_though_the_engine_writes_null() -> None:
    found = read(event(resourcePreEvent=step("create", detailedDiff=None)))
    assert found == Step("begun", "create", "StatefulSet", "chat")


def test_the_three_states_of_a_step() -> None:
    diff = {"spec.replicas": {"diffKind": "update", "inputDiff": True}}
    done = read(event(resOutputsEvent=step("update", diffs=["spec"], detailedDiff=diff)))
    assert done == Step("done", "update", "StatefulSet", "chat", ("spec",))
    failed = read(event(resOpFailedEvent={**step("delete", detailedDiff=None), "status": 1, "steps": 2}))
    assert failed == Step("failed", "delete", "StatefulSet", "chat")


@pytest.mark.parametrize("kind", ["pulumi:pulumi:Stack", "pulumi:providers:kubernetes"])
def test_the_stack_itself_and_its_providers_are_left_out(kind: str) -> None:
    metadata = {"op": "create", "urn": STACK, "type": kind, "provider": "", "detailedDiff": None}
    assert read(event(resourcePreEvent={"metadata": metadata})) == Other()


def test_the_parts_of_a_replacement_are_no_changes_of_their_own() -> None:
    counts = {
        op: Step("done", op, "ConfigMap", "x").counts for op in ("create-replacement", "delete-replaced", "replace")
    }
    assert counts == {"create-replacement": False, "delete-replaced": False, "replace": True}
    assert not Step("done", "same", "ConfigMap", "x").counts


def test_a_line_loses_its_colours_and_keeps_what_it_is_about() -> None:
    said = {"message": "<{%reset%}>chat-0: m:1 manifest<{%reset%}>\n", "color": "never", "severity": "info#err"}
    assert read(event(diagnosticEvent={**said, "urn": URN, "ephemeral": True})) == Said(
        "info#err", "chat-0: m:1 manifest", "chat", passing=True
    )
    assert read(event(diagnosticEvent={**said, "urn": STACK})) == Said("info#err", "chat-0: m:1 manifest")


def test_the_summary_leaves_out_what_stayed_the_same() -> None:
    changes = {"same": 3, "create": 2, "read": 1, "update": 0}
    content = {"maybeCorrupt": False, "durationSeconds": 3, "resourceChanges": changes, "PolicyPacks": {}}
    found = read(event(summaryEvent=content))
    assert isinstance(found, Summary)
    assert found.changed == {"create": 2}


def test_all_else_is_nothing() -> None:
    assert read(event(cancelEvent={})) == Other()
