"""Event logs and JSON documents become the same preview; unknown fields, cut lines and odd orders do not break it.

Not shown: formats of engines other than 3.224.
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.preview_comment.preview import Action
from ci.preview_comment.reading import UnreadableError, looks_like_digest, read_digest, read_event_log

URN = "urn:pulumi:dev::echorator::echorator:index:Cluster$kubernetes:core/v1:Namespace::models"
PARENT = "urn:pulumi:dev::echorator::echorator:index:Cluster::cluster"


def step(op: str, **more: Any) -> dict[str, Any]:
    return {"op": op, "urn": URN, "type": "kubernetes:core/v1:Namespace", **more}


def log(*events: dict[str, Any]) -> str:
    return "".join(
        json.dumps({"sequence": number, "timestamp": 1, **event}) + "\n" for number, event in enumerate(events)
    )


def pre(*steps: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"resourcePreEvent": {"metadata": one, "planning": True}} for one in steps]


SUMMARY = {"summaryEvent": {"resourceChanges": {"same": 4, "create": 1}}}


def test_one_resource() -> None:
    new = {"urn": URN, "type": "kubernetes:core/v1:Namespace", "parent": PARENT, "inputs": {"a": 1}}
    preview = read_event_log(log(*pre(step("create", new=new)), SUMMARY))
    (resource,) = preview.resources
    assert (resource.action, resource.parent, resource.after, resource.before) == (Action.CREATE, PARENT, {"a": 1}, {})
    assert (resource.name, resource.kind) == ("models", "Namespace")
    assert preview.complete
    assert preview.unchanged == 4
    assert not preview.failed


@pytest.mark.parametrize(
    ("ops", "action"),
    [
        (["create-replacement", "replace", "delete-replaced"], Action.REPLACE),
        (["delete-replaced", "replace", "create-replacement"], Action.REPLACE),
        (["refresh", "same"], Action.SAME),
        (["refresh", "update"], Action.UPDATE),
        (["refresh"], Action.SAME),
        (["same", "update"], Action.UPDATE),
        (["delete"], Action.DELETE),
        (["discard"], Action.FORGET),
        (["import"], Action.IMPORT),
        (["an-op-of-next-year"], Action.OTHER),
    ],
)
def test_steps_of_one_resource_are_one_change(ops: list[str], action: Action) -> None:
    (resource,) = read_event_log(log(*pre(*(step(op) for op in ops)))).resources
    assert resource.action is action


def test_a_replacement_keeps_what_was_and_what_forces_it() -> None:
    old, new = {"inputs": {"name": "a"}}, {"inputs": {"name": "b"}}
    steps = [
        step(
            "create-replacement", old=old, new=new, keys=["name"], detailedDiff={"name": {"diffKind": "update-replace"}}
        ),
        step("delete-replaced", old=old),
    ]
    (resource,) = read_event_log(log(*pre(*steps))).resources
    assert (resource.before, resource.after) == ({"name": "a"}, {"name": "b"})
    assert resource.replace_keys == ("name",)
    assert resource.field_diffs == {"name": "update-replace"}


def test_what_a_refresh_found_is_what_was() -> None:
    """The refresh itself still has the old state: seen on a real cluster, where it hid the drift."""
    old, found, new = ({"inputs": {"replicas": number}} for number in (1, 0, 1))
    (resource,) = read_event_log(log(*pre(step("refresh", old=old), step("update", old=found, new=new)))).resources
    assert (resource.before, resource.after) == ({"replicas": 0}, {"replicas": 1})


def test_unknown_fields_and_events_are_passed_over() -> None:
    strange = {"eventOfNextYear": {"x": [1]}, "resourcePreEvent": {"metadata": step("create", colour=["red"])}}
    preview = read_event_log(log(strange, {"anotherEvent": {}}, SUMMARY))
    assert len(preview.resources) == 1
    assert preview.notes == ()


def test_a_cut_line_is_said_and_the_rest_is_read() -> None:
    text = log(*pre(step("create")))
    preview = read_event_log(text + text[: len(text) // 2])
    assert len(preview.resources) == 1
    assert preview.notes == ("1 lines of the event log could not be read",)
    assert preview.failed, "without the engine's summary nobody knows what was still to come"


def test_diagnostics() -> None:
    def message(severity: str, text: str, **more: Any) -> dict[str, Any]:
        return {"diagnosticEvent": {"severity": severity, "message": text, "urn": URN, **more}}

    preview = read_event_log(
        log(
            message("error", "<{%reset%}>it broke<{%reset%}>\n"),
            message("error", "it broke"),
            message("error", "error: preview failed"),
            message("warning", "warning: \x1b[31mlook\x1b[0m"),
            message("info", "no news"),
            message("info#err", "a line of the program"),
            message("warning", "passing", ephemeral=True),
            SUMMARY,
        )
    )
    assert [one.message for one in preview.errors] == ["it broke"]
    assert [one.message for one in preview.warnings] == ["look"]
    assert preview.failed


def test_a_failure_without_a_cause_stays() -> None:
    preview = read_event_log(log({"diagnosticEvent": {"severity": "error", "message": "error: preview failed"}}))
    assert [one.message for one in preview.errors] == ["preview failed"]


def test_what_ends_the_command_is_an_error() -> None:
    assert read_event_log(log({"errorEvent": {"error": "no such stack"}})).errors[0].message == "no such stack"


def test_violations_come_once_each() -> None:
    event = {
        "policyEvent": {
            "resourceUrn": URN,
            "message": "no limits\n",
            "policyName": "workload-limits",
            "policyPackName": "echorator",
            "policyPackVersion": "0.1.0",
            "enforcementLevel": "mandatory",
            "severity": "high",
        }
    }
    preview = read_event_log(log(event, event, SUMMARY))
    (violation,) = preview.violations
    assert (violation.policy, violation.pack, violation.blocks) == ("workload-limits", "echorator 0.1.0", True)
    assert preview.failed


def test_default_providers_are_not_counted_as_the_engine_does_not() -> None:
    urn = "urn:pulumi:dev::echorator::pulumi:providers:kubernetes::default_4_27_0"
    assert (
        read_event_log(log(*pre({"op": "create", "urn": urn, "type": "pulumi:providers:kubernetes"}))).resources == ()
    )


def test_the_json_document() -> None:
    document = {
        "config": {},
        "steps": [step("update", oldState={"inputs": {"a": 1}}, newState={"inputs": {"a": 2}}, diffReasons=["a"])],
        "diagnostics": [{"message": "error: it broke", "severity": "error", "prefix": "x"}],
        "changeSummary": {"update": 1, "same": 7},
        "duration": 5,
    }
    preview = read_digest(json.dumps(document))
    assert preview.resources[0].action is Action.UPDATE
    assert (preview.resources[0].before, preview.resources[0].after) == ({"a": 1}, {"a": 2})
    assert preview.errors[0].message == "it broke"
    assert (preview.unchanged, preview.whole) == (7, False)


@pytest.mark.parametrize("text", ["", "error: no stack named dev", '{"steps": [{"op": 5}]}', "[]"])
def test_what_is_no_document_is_refused_with_a_way_out(text: str) -> None:
    with pytest.raises(UnreadableError, match="Fix: redirect standard output alone"):
        read_digest(text)


def test_the_two_formats_are_told_apart() -> None:
    assert looks_like_digest('{"steps": []}')
    assert not looks_like_digest(log(SUMMARY))
    assert not looks_like_digest(log(SUMMARY, SUMMARY))
    assert not looks_like_digest("")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
EVENTS = st.dictionaries(
    st.sampled_from(["resourcePreEvent", "diagnosticEvent", "policyEvent", "summaryEvent", "errorEvent", "x"]), JSON
)


@settings(deadline=None)
@given(st.lists(EVENTS, max_size=5))
def test_no_log_makes_it_fail(events: list[dict[str, Any]]) -> None:
    """Every line is either read or counted as one that was not."""
    preview = read_event_log(log(*events))
    assert len(preview.resources) + len(preview.diagnostics) + len(preview.violations) <= 3 * len(events)


@settings(deadline=None)
@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    assert read_event_log(text).failed
