"""Two sets of properties are compared leaf by leaf, with readable paths and without secrets."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ci.preview_comment.fields import field_changes
from ci.preview_comment.preview import Action, Resource
from ci.preview_comment.values import UNKNOWN, FieldChange, Kind, differences, text_of

MARK = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": "hunter2"}


def pairs(changes: list[FieldChange]) -> dict[str, tuple[str | None, str | None]]:
    return {one.path: (one.before, one.after) for one in changes}


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [
        ({"a": 1}, {"a": 1.0}, {}),
        ({"a": 1}, {"a": 2.0}, {"a": ("1", "2")}),
        ({"a": True}, {"a": 1}, {"a": ("true", "1")}),
        ({"a": None}, {}, {"a": ("null", None)}),
        ({"a": {}}, {"a": {"b": 1}}, {"a": ("{}", None), "a.b": (None, "1")}),
        ({"a": {"b/c": "x"}}, {"a": {"b/c": "y"}}, {'a["b/c"]': ("x", "y")}),
        (
            {"l": [{"name": "a", "v": 1}]},
            {"l": [{"name": "b", "v": 0}, {"name": "a", "v": 1}]},
            {"l[b].v": (None, "0")},
        ),
        ({"l": [1, 2]}, {"l": [1]}, {"l[1]": ("2", None)}),
        ({"a": '{"x": {"y": 1}}'}, {"a": '{"x": {"y": 2}}'}, {"a#x.y": ("1", "2")}),
        ({"a": "{no json"}, {"a": "x"}, {"a": ("{no json", "x")}),
        ({"a": 1}, {"a": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"}, {"a": ("1", UNKNOWN)}),
        ({"__defaults": []}, {"__defaults": ["x"]}, {}),
    ],
)
def test_differences(before: dict[str, Any], after: dict[str, Any], wanted: dict[str, Any]) -> None:
    assert pairs(differences(before, after)) == wanted


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ({"password": "one"}, {"password": "two"}, "password"),
        ({"password": 1234}, {"password": 5678}, "password"),
        ({"auth": {"user": "one"}}, {"auth": {"user": "two"}}, "auth.user"),
        (
            {"env": [{"name": "DB_PASSWORD", "value": "one"}]},
            {"env": [{"name": "DB_PASSWORD", "value": "two"}]},
            "env[DB_PASSWORD].value",
        ),
        ({"f": '{"apiKey": "one"}'}, {"f": '{"apiKey": "two"}'}, "f#apiKey"),
    ],
)
def test_values_of_secret_fields_are_masked(before: dict[str, Any], after: dict[str, Any], path: str) -> None:
    assert pairs(differences(before, after)) == {path: ("[secret]", "[secret]")}


def test_what_pulumi_marks_is_equal_to_itself_and_never_shown() -> None:
    assert differences({"a": MARK}, {"a": "[secret]"}) == []
    assert pairs(differences({"a": MARK}, {"a": "plain now"})) == {"a": ("[secret]", "plain now")}


def test_data_of_a_kubernetes_secret_is_never_shown() -> None:
    old, new = {"stringData": {"user": "one"}, "type": "Opaque"}, {"stringData": {"user": "two"}, "type": "Opaque"}
    secret = Resource("urn::a::b::c", "kubernetes:core/v1:Secret", action=Action.UPDATE, before=old, after=new)
    assert pairs(field_changes(secret)) == {"stringData.user": ("[secret]", "[secret]")}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (2.5, "2.5"),
        (10.0, "10"),
        (float("inf"), "inf"),
        (pow(10, 400), "(a very large number)"),
        ("a\nb", "a\nb"),
        ([], "[]"),
    ],
)
def test_texts(value: object, text: str) -> None:
    assert text_of(value) == text


def resource(**more: Any) -> Resource:
    given: dict[str, Any] = {"action": Action.UPDATE, **more}
    return Resource("urn::a::b::c", "kubernetes:apps/v1:StatefulSet", **given)


def test_the_provider_adds_what_the_inputs_do_not_show() -> None:
    drifted = resource(
        before={"replicas": {"chat-0": "a"}},
        after={"replicas": {"chat-0": "a"}},
        outputs={"replicas": {"chat-0": "b"}},
        field_diffs={"replicas.chat-0": "update"},
    )
    assert pairs(field_changes(drifted)) == {"replicas.chat-0": ("b", "a")}


def test_another_secret_behind_the_same_mask_is_said() -> None:
    changed = resource(before={"data": "[secret]"}, after={"data": "[secret]"}, field_diffs={"data": "update"})
    assert pairs(field_changes(changed)) == {"data": ("[secret]", "[secret] (another value)")}


def test_what_the_provider_and_the_inputs_both_show_comes_once() -> None:
    changed = resource(
        before={"spec": {"replicas": 1, "c": [{"name": "x", "image": "a"}]}},
        after={"spec": {"replicas": 2, "c": [{"name": "x", "image": "b"}]}},
        field_diffs={"spec.replicas": "update", "spec.c[0].image": "update"},
    )
    assert [one.path for one in field_changes(changed)] == ["spec.c[x].image", "spec.replicas"]


def test_the_field_that_forces_a_replacement_is_marked_and_comes_first() -> None:
    replaced = resource(
        action=Action.REPLACE,
        before={"a": 1, "z": {"name": "x"}},
        after={"a": 2, "z": {"name": "y"}},
        field_diffs={"a": "update", "z.name": "update-replace"},
        replace_keys=("z",),
    )
    assert [(one.path, one.replaces) for one in field_changes(replaced)] == [("z.name", True), ("a", False)]


def test_kinds() -> None:
    found = differences({"gone": 1, "other": 1}, {"new": 1, "other": 2})
    assert {one.path: one.kind for one in found} == {"gone": Kind.REMOVED, "new": Kind.ADDED, "other": Kind.CHANGED}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
PROPERTIES = st.dictionaries(st.text(), VALUES, max_size=5)


@settings(deadline=None)
@given(PROPERTIES)
def test_nothing_differs_from_itself(properties: dict[str, Any]) -> None:
    shown = [one for one in differences(properties, properties) if "nan" not in (one.before or "").lower()]
    assert shown == []


@settings(deadline=None)
@given(PROPERTIES, PROPERTIES)
def test_differences_are_the_same_both_ways(one: dict[str, Any], other: dict[str, Any]) -> None:
    there, back = pairs(differences(one, other)), pairs(differences(other, one))
    assert {path: (after, before) for path, (before, after) in back.items()} == there


def test_depth_has_an_end() -> None:
    deep: dict[str, Any] = {}
    inner = deep
    for _ in range(500):
        inner["a"] = {}
        inner = inner["a"]
    assert len(differences(deep, {})) == 1
