"""Each check lets pass what is right and tells what is wrong, for all that is no single pod.

What is right and wrong is the Kubernetes documentation's, and that of CSI drivers and operators. Not shown: that a
driver encrypts because its parameter says so.
"""

from __future__ import annotations

import copy
import datetime as dt
from typing import Any

import pytest

from policies.catalog import BY_ID, CHECKS, FAMILIES
from policies.check import Severity
from policies.context import Context
from policies.exceptions import Exceptions, ExceptionsError, Exemption, load, parse
from policies.items import Resource
from policies.runner import Runner, ids
from policies.wire import SecretText
from tests.policies import cases_pods
from tests.policies.cases_objects import CASES
from tests.policies.objects import Object, deployment, grants, model, named, role
from tests.policies.support import PROD, resource, resources

TODAY = dt.date(2026, 11, 22)
SETTINGS = {"encryption-secret-in-settings"}
EXCEPTIONS = {"exceptions-expired", "exceptions-unknown-check", "exceptions-too-long"}


def rows() -> list[Any]:
    return [
        pytest.param(check, bodies, bad, id=f"{check}-{'bad' if bad else 'good'}-{index}")
        for check, cases in CASES.items()
        for bad, stacks in ((False, cases.good), (True, cases.bad))
        for index, bodies in enumerate(stacks)
    ]


@pytest.mark.parametrize(("check", "bodies", "bad"), rows())
def test_check(check: str, bodies: list[Object], bad: bool) -> None:
    runner = Runner(PROD, {check: CASES[check].given}, checks=[BY_ID[check]])
    found = runner.all(resources(copy.deepcopy(bodies)))
    assert bool(found) is bad, [str(one) for one in found]
    for one in found:
        assert one.finding.what


def test_every_check_has_an_object_that_passes_and_one_that_fails() -> None:
    tables = (cases_pods.CONTAINERS, cases_pods.PODS, cases_pods.MAIN_ONLY)
    pods = {check for table in tables for check, (good, bad) in table.items() if good and bad}
    objects = {check for check, cases in CASES.items() if cases.good and cases.bad}
    assert {check.id for check in CHECKS} - pods - objects == SETTINGS | EXCEPTIONS


def test_settings() -> None:
    check = BY_ID["encryption-secret-in-settings"]

    def broken(config: dict[str, str], secret: frozenset[str] = frozenset()) -> bool:
        return bool(Runner(Context("prod", config, secret), checks=[check]).all([]))

    assert not broken({"echorator:environment": "prod", "echorator:servers": '[{"models": [{"digest": "sha256:00"}]}]'})
    assert broken({"echorator:dbPassword": "hunter2hunter2"})
    assert not broken({"echorator:dbPassword": "hunter2hunter2"}, frozenset({"echorator:dbPassword"}))
    assert broken({"echorator:servers": '[{"env": [{"password": "hunter2hunter2"}]}]'})
    assert broken({"aws:x": "AKIA" + "A" * 16})


def test_what_the_stack_holds_as_a_secret_is_told_wherever_it_is_in_clear() -> None:
    runner = Runner(PROD)
    env = resource(deployment({"spec/containers/0/env": [{"name": "INNOCENT", "value": SecretText("x")}]}))
    found = list(runner.resource(BY_ID["encryption-secret-in-env"], env))
    assert [one.what for one in found] == ["holds what the stack holds as a secret"]
    config = resource(named("v1", "ConfigMap", {"data": {"a": SecretText("innocent")}}))
    assert list(runner.resource(BY_ID["encryption-secret-in-config-map"], config))


def test_no_finding_shows_a_secret() -> None:
    bad = "hunter2hunter2"
    bodies = [
        deployment({"spec/containers/0/env": [{"name": "DB_PASSWORD", "value": bad}]}),
        deployment(
            {"spec/containers/0/args": [f"--password={bad}", f"postgres://u:{bad}@db/x", f"http://u:{bad}@a.example/"]}
        ),
        named("v1", "ConfigMap", {"data": {"password": bad, "b": f"redis://:{bad}@cache.example.com"}}),
        deployment({"spec/containers/0/image": SecretText(f"{bad}:latest")}),
    ]
    told = [str(one) for one in Runner(PROD).all(resources(bodies))]
    assert len(told) >= 6
    assert not [line for line in told if bad in line]


def test_exceptions() -> None:
    bad = role(grants("", "secrets", "get"))
    check = "rbac-read-secrets"
    pattern = "kubernetes:rbac.authorization.k8s.io/v1:Role::it"

    def broken(**changes: Any) -> set[str]:
        values: dict[str, Any] = {"id": check, "resource": pattern, "reason": "r", "expires": TODAY, **changes}
        entry = Exemption(**values)
        return ids(Runner(PROD, excused=Exceptions([entry], TODAY)).all([resource(bad)]))

    assert broken() == set()
    assert broken(expires=TODAY - dt.timedelta(days=1)) == {check, "exceptions-expired"}
    assert broken(resource="*::other") == {check}
    assert broken(resource="*::i?") == set()
    assert broken(id="rbac-read-secret") == {check, "exceptions-unknown-check"}
    assert broken(id="exceptions-expired") == {check, "exceptions-unknown-check"}
    assert broken(expires=dt.date(2028, 1, 1)) == {"exceptions-too-long"}


def test_an_exception_for_the_stack() -> None:
    runner = Runner(Context("prod", {"a:password": "hunter2hunter2"}), checks=[BY_ID["encryption-secret-in-settings"]])
    assert len(runner.all([])) == 1
    entry = Exemption("encryption-secret-in-settings", "stack", "r", TODAY)
    excused = Runner(runner.context, {}, Exceptions([entry], TODAY), runner.checks)
    assert excused.all([]) == []


REFUSED: list[tuple[Any, str]] = [
    ({}, "must be a list of maps"),
    ([{}], "`id` must be a text"),
    ([{"id": "a", "resource": "*", "reason": "r" * 20, "expires": "soon"}], "`expires` must be a day"),
    ([{"id": "a", "resource": "*", "reason": "short", "expires": TODAY}], "20 characters or more"),
    ([{"id": "a", "resource": "*", "reason": "r" * 20, "expires": TODAY, "until": 1}], "`until` is not known"),
]


@pytest.mark.parametrize(("content", "told"), REFUSED)
def test_refused_exceptions(content: object, told: str) -> None:
    with pytest.raises(ExceptionsError, match=told):
        parse(content)


def test_the_committed_exceptions_can_be_read() -> None:
    assert all(one.id in BY_ID for one in load())


def test_metadata() -> None:
    assert len({check.id for check in CHECKS}) == len(CHECKS)
    for check in CHECKS:
        assert check.id.startswith(f"{check.family}-")
        assert check.family in FAMILIES
        assert isinstance(check.severity, Severity)
        assert check.why.endswith(".")
        assert check.fix.endswith(".")
        assert check.link.startswith("https://")
        assert not check.title.endswith(".")
        assert (check.run is None) != (check.run_stack is None)


def test_a_model_is_a_model_by_its_type_alone() -> None:
    other = Resource("kubernetes:example.com/v1:OllamaModel", "m", {"spec": {}})
    assert not list(Runner(PROD).resource(BY_ID["models-digest"], other))
    body = model(digest=None)
    assert list(Runner(PROD).resource(BY_ID["models-digest"], resource(body, token=body.pop("$token"))))
