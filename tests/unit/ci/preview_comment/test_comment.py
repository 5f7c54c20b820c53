"""The whole comment: never above the limit, never a secret, nothing foreign outside code, what matters first.

Rendered by markdown-it, which follows the specification that GitHub's renderer follows. Not shown: GitHub's own
rendering, and its further filters.
"""

import html
import json
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ci.preview_comment.comment import GITHUB_LIMIT, Options, failed, marker, render
from ci.preview_comment.preview import Action, Diagnostic, Preview, Resource, Violation
from ci.preview_comment.reading import read_event_log
from ci.preview_comment.remedies import Remedy
from tests.unit.ci.preview_comment.rendering import rows, seen
from tests.unit.ci.preview_comment.test_markdown import HOSTILE
from tests.unit.ci.preview_comment.test_secrets import SHAPES

TYPES = [
    "kubernetes:apps/v1:StatefulSet",
    "kubernetes:core/v1:Namespace",
    "kubernetes:core/v1:Secret",
    "echorator:index:ModelStore",
    "pulumi-python:dynamic/echorator:OllamaModel",
]
TEXTS = st.text(max_size=30) | st.lists(st.sampled_from(HOSTILE), max_size=4).map("".join)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
PROPERTIES = st.dictionaries(TEXTS, VALUES, max_size=4)
RESOURCES = st.builds(
    Resource,
    urn=TEXTS.map(lambda text: f"urn:pulumi:dev::echorator::x::{text}"),
    type=st.sampled_from(TYPES) | TEXTS,
    parent=TEXTS,
    action=st.sampled_from(Action),
    before=PROPERTIES,
    after=PROPERTIES,
    outputs=PROPERTIES,
    field_diffs=st.dictionaries(TEXTS, st.sampled_from(["update", "add-replace"]), max_size=3),
)
PREVIEWS = st.builds(
    Preview,
    resources=st.lists(RESOURCES, max_size=8).map(tuple),
    diagnostics=st.lists(st.builds(Diagnostic, st.sampled_from(["error", "warning"]), TEXTS, TEXTS), max_size=4).map(
        tuple
    ),
    violations=st.lists(
        st.builds(Violation, TEXTS, TEXTS, st.sampled_from(["mandatory", "advisory"]) | TEXTS, TEXTS, TEXTS, TEXTS),
        max_size=4,
    ).map(tuple),
    complete=st.booleans(),
)
slow = settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=60)


def change(number: int, size: int = 200, **more: Any) -> Resource:
    given: dict[str, Any] = {
        "urn": f"urn:pulumi:dev::echorator::echorator:index:Cluster$kubernetes:core/v1:ConfigMap::map-{number}",
        "type": "kubernetes:core/v1:ConfigMap",
        "action": Action.UPDATE,
        "before": {"data": {f"k{n}": "a" * 50 for n in range(size // 50)}},
        "after": {"data": {f"k{n}": "b" * 50 for n in range(size // 50)}},
        **more,
    }
    return Resource(**given)


@slow
@given(PREVIEWS, st.integers(16_384, 70_000))
def test_limit_and_tables(preview: Preview, limit: int) -> None:
    text = render(preview, Options(stack="dev", limit=limit))
    assert len(text.encode()) <= limit
    widths = [len(cells) for cells in rows(text)]
    assert set(widths) <= {4, 6, 7}
    assert text.startswith("<!-- echorator-preview: dev -->\n")


@slow
@given(PREVIEWS)
def test_nothing_foreign_stands_outside_code(preview: Preview) -> None:
    page = seen(render(preview, Options(stack="dev")))
    assert not set(page.tags) & {"script", "img", "a", "input", "iframe", "blockquote", "h1"}
    assert "@" not in page.bare
    assert "http" not in page.bare


@slow
@given(st.sampled_from(sorted(SHAPES)), st.text(alphabet="abcXYZ019", min_size=6, max_size=20), st.data())
def test_no_secret_is_shown(kind: str, password: str, data: st.DataObject) -> None:
    """Known shapes anywhere; any text in a field that is named for a secret, or of a Kubernetes Secret."""
    shape, password = SHAPES[kind], f"Pw{password}9z"
    where = data.draw(st.sampled_from(["value", "message", "violation", "name", "output", "file", "list", "kind"]))
    inputs: dict[str, Any] = {"spec": {"dbPassword": password, "nested": {"token": {"deep": [password]}}}}
    if where == "value":
        inputs["spec"]["env"] = [{"name": "X", "value": shape}, {"name": "API_TOKEN", "value": password}]
    if where == "file":
        inputs["data"] = {
            "a.json": json.dumps({"x": shape, "apiKey": password}),
            "a.env": f"PASSWORD={password}\nB={shape}",
        }
    if where == "list":
        inputs["args"] = ["--x", f"--password={password}", shape]
    secret = Resource(
        "urn:p::s::t::s", "kubernetes:core/v1:Secret", action=Action.UPDATE, after={"stringData": {"a": password}}
    )
    changed = change(
        1, before={}, after=inputs, action=data.draw(st.sampled_from([Action.UPDATE, Action.CREATE, Action.REPLACE]))
    )
    preview = Preview(
        resources=(changed, secret, *([change(2, urn=f"urn:p::s::t::{shape}")] if where == "name" else [])),
        diagnostics=(Diagnostic("error", f"cannot log in with {shape}: password={password}"),)
        if where == "message"
        else (),
        violations=(Violation("p", "q", "mandatory", f"found {shape}"),) if where == "violation" else (),
        complete=where != "output",
    )
    options = Options(stack="dev", exit_code=int(where == "output"), output=f"failed: token: {password}\n{shape}")
    text = render(preview, options)
    for shown in (text, html.unescape(text), seen(text).whole):
        assert password not in shown
        assert all(line not in shown for line in shape.split("\n") if len(line) > 11 and not line.startswith("-----"))


@pytest.mark.parametrize("count", [10, 200, 2_000])
def test_large_previews_say_what_is_left_out(count: int) -> None:
    preview = Preview(resources=tuple(change(number) for number in range(count)), complete=True)
    text = render(preview, Options(stack="dev"))
    assert len(text.encode()) <= GITHUB_LIMIT
    missing = re.search(
        r"_(\d+) more of (\d+) changes are left out here: `pulumi preview --diff -s dev` shows all", text
    )
    shown = (
        text.count("<code>map&#45;") + text.count("<code>map-") + len(re.findall(r"^- .* `map-", text, re.MULTILINE))
    )
    assert shown + (int(missing[1]) if missing else 0) == count
    assert (missing is not None) is (count == 2_000)


def test_one_huge_value_is_cut() -> None:
    text = render(
        Preview(resources=(change(1, before={"a": "x" * 10**6}, after={"a": "y" * 10**6}),), complete=True),
        Options("dev"),
    )
    assert "999800 more characters" in text


def test_what_matters_comes_first() -> None:
    preview = Preview(
        resources=(
            change(1),
            Resource("urn:p::s::t::created", "kubernetes:core/v1:Service", action=Action.CREATE),
            Resource("urn:p::s::t::store", "echorator:index:ModelStore", action=Action.REPLACE),
            Resource(
                "urn:p::s::t::disk", "kubernetes:core/v1:PersistentVolumeClaim", action=Action.DELETE, protected=True
            ),
        ),
        diagnostics=(Diagnostic("error", "it broke"), Diagnostic("warning", "look")),
        violations=(Violation("nice", "p", "advisory", "m"), Violation("must", "p", "mandatory", "m", "high")),
        complete=True,
    )
    text = render(preview, Options("dev", remedies={"must": Remedy("set limits", "https://example.org/rule")}))
    order = [
        "would not go through",
        "it broke",
        "Holds data",
        "`disk`",
        "`store`",
        "`must`",
        "`nice`",
        "By component",
        "replaced <code>",
        "deleted `",
        "updated <code>",
        "created `",
        "look",
    ]
    places = [
        text.index(mark)
        for mark in ("❌", "it broke", "Holds data", "`disk`", "`store`", "`must`", "`nice`", "By component")
    ]
    assert places == sorted(places), order
    assert "protected: the engine refuses" in text
    assert "**To do:** `set limits` ([rule](https://example.org/rule))" in text
    assert text.index("<summary>Warnings (1)") > text.index("#### Changes")


@pytest.mark.parametrize(
    ("preview", "exit_code", "verdict"),
    [
        (Preview(complete=True, unchanged=5), None, "✅ Nothing would change (5 resources)."),
        (Preview(complete=True), 0, "✅ Nothing would change."),
        (Preview(resources=(change(1),), complete=True), 0, "✅ The preview went through. Would be: **1** updated."),
        (Preview(), 1, "❌ **The deploy would not go through**: the preview did not come to its end."),
        (Preview(complete=True), 255, "❌"),
        (
            Preview(diagnostics=(Diagnostic("error", "x"),), complete=True),
            1,
            "❌ **The deploy would not go through**: 1 error.",
        ),
        (
            Preview(violations=(Violation("a", "b", "mandatory", "c"),), complete=True),
            1,
            "1 mandatory policy is not kept.",
        ),
        (Preview(violations=(Violation("a", "b", "advisory", "c"),), complete=True), 0, "✅"),
    ],
)
def test_verdicts(preview: Preview, exit_code: int | None, verdict: str) -> None:
    options = Options("dev", exit_code=exit_code)
    assert verdict in render(preview, options)
    assert failed(preview, options) is ("❌" in render(preview, options))


@pytest.mark.parametrize(
    ("preview", "exit_code", "verdict", "drifted"),
    [
        (Preview(complete=True, unchanged=3), 0, "✅ Nothing would change", False),
        (Preview(resources=(change(1),), complete=True), 255, "⚠️ **What runs is not what is declared.**", True),
        (Preview(resources=(change(1),), complete=True), None, "⚠️ **What runs is not what is declared.**", True),
        (Preview(diagnostics=(Diagnostic("error", "no cluster"),)), 255, "❌", True),
        (Preview(), 255, "❌", True),
    ],
)
def test_verdicts_about_drift(preview: Preview, exit_code: int | None, verdict: str, drifted: bool) -> None:
    options = Options("dev", kind="drift", exit_code=exit_code, output="error: no changes were expected")
    assert verdict in render(preview, options)
    assert failed(preview, options) is drifted


def test_a_command_that_ended_early_shows_what_it_printed() -> None:
    text = render(read_event_log(""), Options("dev", exit_code=255, output="error: no stack named 'dev' found"))
    assert "error: no stack named 'dev' found" in text


@pytest.mark.parametrize("stack", ["dev", "org/echorator/dev", "-->\n# x", "`x`", "a" * 500, "|"])
def test_names_of_stacks_cannot_break_the_marker(stack: str) -> None:
    first, second = render(Preview(complete=True), Options(stack)).split("\n")[:2]
    assert first == marker(stack)
    assert first.count("--") == 2
    assert second.startswith("### Preview of ")
