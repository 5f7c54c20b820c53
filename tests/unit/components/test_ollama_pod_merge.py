"""A part of a pod template laid over another: what merges, what replaces, and that neither side is changed.

Not proved: that the result is a pod that Kubernetes accepts.
"""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.ollama_pod_merge import merged

NAMES = st.sampled_from(["a", "b", "c"])
LEAVES = st.one_of(st.integers(), st.booleans(), st.text(max_size=3), st.lists(st.integers(), max_size=2))


def things(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Maps, and lists of things with a name."""

    def named(name: str, rest: dict[str, Any]) -> dict[str, Any]:
        return {**rest, "name": name}

    one = st.builds(named, NAMES, st.dictionaries(NAMES, inner, max_size=2))
    listed = st.lists(one, unique_by=lambda found: str(found["name"]), max_size=3)
    return st.one_of(st.dictionaries(NAMES, inner, max_size=3), listed)


VALUES: st.SearchStrategy[Any] = st.recursive(LEAVES, things, max_leaves=12)
MAPS = st.dictionaries(NAMES, VALUES, max_size=3)


@given(MAPS, MAPS)
def test_twice_is_once(base: dict[str, Any], over: dict[str, Any]) -> None:
    once = merged(base, over)
    assert merged(once, over) == once


@given(MAPS)
def test_nothing_changes_nothing(base: dict[str, Any]) -> None:
    assert merged(base, {}) == base
    assert merged({}, base) == base
    assert merged(base, base) == base


@given(MAPS, MAPS)
def test_both_sides_stay_as_they_are(base: dict[str, Any], over: dict[str, Any]) -> None:
    before = copy.deepcopy((base, over))
    merged(base, over)
    assert (base, over) == before


@given(MAPS, MAPS)
def test_keys_of_both_are_there_and_the_upper_side_wins(base: dict[str, Any], over: dict[str, Any]) -> None:
    found = merged(base, over)
    assert found.keys() == base.keys() | over.keys()
    for key, value in over.items():
        if not isinstance(value, dict | list):
            assert found[key] == value
    for key in base.keys() - over.keys():
        assert found[key] == base[key]


@given(st.lists(NAMES, unique=True), st.lists(NAMES, unique=True))
def test_named_things_keep_their_order(base: list[str], over: list[str]) -> None:
    found = merged([{"name": one} for one in base], [{"name": one} for one in over])
    assert [one["name"] for one in found] == [*base, *(one for one in over if one not in base)]


@pytest.mark.parametrize(
    ("base", "over", "expected"),
    [
        ({"a": 1, "b": 2}, {"a": None}, {"b": 2}),
        ({}, {"a": {"b": None, "c": 1}}, {"a": {"c": 1}}),
        ({"args": ["x", "y"]}, {"args": ["z"]}, {"args": ["z"]}),
        (
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "A", "value": None, "valueFrom": {"x": 1}}, {"name": "B", "value": "2"}]},
            {"env": [{"name": "A", "valueFrom": {"x": 1}}, {"name": "B", "value": "2"}]},
        ),
        (
            {"volumeMounts": [{"name": "data", "mountPath": "/data"}]},
            {"volumeMounts": [{"name": "data", "mountPath": "/more", "subPath": "s"}]},
            {
                "volumeMounts": [
                    {"name": "data", "mountPath": "/data"},
                    {"name": "data", "mountPath": "/more", "subPath": "s"},
                ]
            },
        ),
        (
            {"ports": [{"name": "http", "containerPort": 1}]},
            {"ports": [{"name": "web", "containerPort": 1}]},
            {"ports": [{"name": "web", "containerPort": 1}]},
        ),
        ({"tolerations": [{"key": "a"}]}, {"tolerations": [{"key": "b"}]}, {"tolerations": [{"key": "b"}]}),
    ],
)
def test_as_kubernetes_merges(base: dict[str, Any], over: dict[str, Any], expected: dict[str, Any]) -> None:
    assert merged(base, over) == expected
