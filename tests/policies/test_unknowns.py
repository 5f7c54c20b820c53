"""Nothing crashes a check, and what is not known yet hides nothing that is known.

Shown over generated objects: any JSON in any kind, and good and bad objects with pieces replaced by unknowns, secrets,
or things of a wrong type. Not shown: that the engine marks each unknown as the SDK does.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.catalog import BY_ID, CHECKS
from policies.check import Kinds
from policies.items import Resource
from policies.runner import Runner
from policies.wire import SENTINELS, UNKNOWN, SecretText, plain
from tests.policies.cases_objects import CASES
from tests.policies.cases_pods import CONTAINERS, PODS, located
from tests.policies.objects import KINDS, TEMPLATE, changed, workload
from tests.policies.support import PROD, resource, resources

RUNNER = Runner(PROD)
WORDS = sorted(
    {
        "apiVersion",
        "kind",
        "metadata",
        "name",
        "namespace",
        "labels",
        "annotations",
        "spec",
        "template",
        "items",
        "rules",
        "verbs",
        "resources",
        "apiGroups",
        "subjects",
        "roleRef",
        "containers",
        "initContainers",
        "securityContext",
        "env",
        "value",
        "args",
        "image",
        "volumes",
        "ports",
        "data",
        "type",
        "parameters",
        "provisioner",
        "listeners",
        "tls",
        "hosts",
        "from",
        "to",
        "ingress",
        "egress",
        "podSelector",
        "policyTypes",
        "matchLabels",
        "matchExpressions",
        "storage",
        "postgresql",
        "pg_hba",
        "digest",
        "source",
        "jobTemplate",
        "volumeClaimTemplates",
        "hard",
        "replicas",
        "selector",
        "os",
        "backup",
    }
)
TOKENS = sorted(
    {
        f"kubernetes:{group or 'core'}/v1:{kind}"
        for check in CHECKS
        if isinstance(check.on, frozenset)
        for group, kind in cast("Kinds", check.on)
    }
    | {f"kubernetes:apps/v1:{kind}" for kind in ("Deployment", "DeploymentPatch", "DeploymentList")}
    | {
        "kubernetes:core/v1:Pod",
        "kubernetes:batch/v1:CronJob",
        "kubernetes:core/v1:List",
        "kubernetes:helm.sh/v3:Release",
        "kubernetes:yaml:ConfigFile",
        "kubernetes:example.com/v1:Thing",
        "kubernetes:x",
        "",
        "pulumi:pulumi:Stack",
        "pulumi-python:dynamic/echorator:OllamaModel",
        "kubernetes:monitoring.coreos.com/v1:Prometheus",
    }
)

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [
            "*",
            "restricted",
            "http://a.example",
            "postgres://u:p@h/d",
            "latest",
            "0",
            "100%",
            "Ingress",
            "Role",
            "a/b:c@d",
        ]
    ),
    st.sampled_from(sorted(SENTINELS)),
)
words = st.one_of(st.sampled_from(WORDS), st.text(max_size=8))
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=6)),
    max_leaves=40,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(token=st.sampled_from(TOKENS), body=st.dictionaries(words, values, max_size=8))
def test_any_json_in_any_kind(token: str, body: dict[str, Any]) -> None:
    RUNNER.all([Resource(token, "it", plain(body), "urn:pulumi:prod::p::t::it")])


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in an object."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, below in cast("dict[str, Any]", value).items():
            yield from places(below, (*path, key))
    elif isinstance(value, list):
        for index, below in enumerate(cast("list[Any]", value)):
            yield from places(below, (*path, index))


def put(body: Any, path: tuple[Any, ...], value: object) -> Any:
    found = copy.deepcopy(body)
    at = found
    for part in path[:-1]:
        at = at[part]
    at[path[-1]] = value
    return found


BAD = [
    *(one for cases in CASES.values() for stack in cases.bad for one in stack),
    *(
        workload("Deployment", changed(TEMPLATE, located(change, "containers")))
        for table in (CONTAINERS, PODS)
        for _, wrong in table.values()
        for change in wrong
    ),
]


@settings(max_examples=400, deadline=None)
@given(data=st.data())
def test_any_piece_of_another_type(data: st.DataObject) -> None:
    body = copy.deepcopy(data.draw(st.sampled_from(BAD)))
    token = body.pop("$token", None)
    for _ in range(data.draw(st.integers(1, 3))):
        everywhere = list(places(body))
        if everywhere:
            body = put(body, data.draw(st.sampled_from(everywhere)), data.draw(values))
    RUNNER.all(
        [
            resource(
                {"apiVersion": "v1", "kind": "Pod"} | body if token is None else body,
                token=token or "kubernetes:core/v1:Pod",
            )
        ]
    )
    if token is None and isinstance(body.get("apiVersion"), str) and isinstance(body.get("kind"), str):
        RUNNER.all([resource(body)])


def test_an_unknown_beside_a_violation_does_not_hide_it() -> None:
    """Each leaf of each bad pod in turn; only the leaf that is the violation, or what decides on it, may end it."""
    seen = 0
    for table in (CONTAINERS, PODS):
        for check, (_, wrong) in table.items():
            for change in wrong:
                parts = located(change, "containers")
                body = workload("Deployment", changed(TEMPLATE, parts))
                run = BY_ID[check]
                told = {one.where for one in RUNNER.resource(run, resource(body))}
                for path in places(body):
                    # Whether the pod must say it depends on what its containers or volumes say.
                    whole = check in ("workload-root-group", "workload-run-as-user", "workload-volume-group")
                    falls_back = whole and ("containers" in path or "volumes" in path)
                    if falls_back or not _apart(path, told):
                        continue
                    again = {
                        one.where for one in RUNNER.resource(run, resource(put(body, path, next(iter(SENTINELS)))))
                    }
                    assert told <= again, (check, path, told - again)
                    seen += 1
    assert seen > 1000


_DECIDES = {
    "name",
    "os",
    "restartPolicy",
    "imagePullPolicy",
    "image",
    "serviceAccount",
    "hostUsers",
    "persistentVolumeClaim",
    "volumeClaimTemplates",
    "emptyDir",
    "securityContext",
    "seccompProfile",
    "runAsNonRoot",
    "runAsUser",
    "runAsGroup",
    "capabilities",
    "args",
    "env",
    "ephemeral",
}
"""What a rule reads beside the place that it tells of: a variable's name, the pod's setting for a container."""


def _apart(path: tuple[Any, ...], told: set[str]) -> bool:
    """Whether the place is neither on the way to a violation nor below one, nor decides on it."""
    spelled = ""
    for part in path:
        plain_name = isinstance(part, str) and part.replace("_", "").isalnum()
        named = f".{part}" if spelled and plain_name else str(part)
        spelled += f"[{part}]" if isinstance(part, int) else (named if plain_name else f"['{part}']")
    if any(where.startswith(spelled) or spelled.startswith(where) for where in told):
        return False
    return not _DECIDES & {str(part) for part in path} and path not in {("kind",), ("apiVersion",)}


@pytest.mark.parametrize("check", sorted(CASES))
def test_a_known_violation_in_a_list_with_an_unknown(check: str) -> None:
    """An unknown resource beside the bad ones changes nothing."""
    for bodies in CASES[check].bad:
        stack = resources(copy.deepcopy(bodies))
        strange = [
            Resource("kubernetes:example.com/v1:Thing", "strange", UNKNOWN),
            Resource("x:y:z", "odd", {"a": UNKNOWN}),
        ]
        assert Runner(PROD, {check: CASES[check].given}, checks=[BY_ID[check]]).all([*strange, *stack])


def test_unknown_parts_of_a_rule() -> None:
    rule = {"apiGroups": UNKNOWN, "resources": ["secrets", UNKNOWN], "verbs": ["get", UNKNOWN]}
    found = Resource("kubernetes:rbac.authorization.k8s.io/v1:Role", "it", {"metadata": {}, "rules": [UNKNOWN, rule]})
    assert list(RUNNER.resource(BY_ID["rbac-read-secrets"], found))
    assert not list(RUNNER.resource(BY_ID["rbac-wildcard-api-groups"], found))


def test_an_unknown_is_not_taken_for_a_violation() -> None:
    """A good pod, each piece of it unknown in turn, breaks nothing."""
    for kind in KINDS:
        body = workload(kind, TEMPLATE)
        for path in places(body):
            if path[0] in ("kind", "apiVersion"):
                continue
            found = resource(put(body, path, next(iter(SENTINELS))))
            told = [(check.id, str(one)) for check in CHECKS for one in RUNNER.resource(check, found)]
            assert not told, (kind, path, told)


def test_secrets_of_any_depth() -> None:
    marked = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "value": {"a": ["x", 1, None]}}
    assert plain({"data": marked}) == {"data": {"a": ["x", 1, None]}}
    assert isinstance(plain({"data": marked})["data"]["a"][0], SecretText)
    assert "x" not in repr(plain({"data": marked}))
    assert json.dumps(plain(marked)) == '{"a": ["x", 1, null]}'
