"""Proves what comes of a first deploy that is killed, of two stacks at once, and of a store that is full.

The local volumes are folders without a limit: a replica's own full disk is shown on a real file system with a limit in
`tests/ollama/test_faults.py`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from tests.faults import judge
from tests.faults.bed import RIGHT_S, Bed
from tests.faults.deploys import FaultStack
from tests.faults.registry import Salted
from tests.faults.test_kills import up_after_kill
from tests.integration.chat import server, store
from tests.support.kube import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(700)]


@pytest.fixture
def second(make_stack: Callable[[str], FaultStack]) -> Iterator[FaultStack]:
    """Another stack on the same cluster, taken down after the case."""
    stack = make_stack(f"b{secrets.token_hex(1)}")
    yield stack
    stack.end()


def configure(stack: FaultStack, bed: Bed, storage: str, *models: Salted) -> None:
    """One replica behind a store of its own."""
    names = [one.name for one in models]
    stack.configure({"servers": [server(1, names)], "modelStore": store(bed.registry, storage)})


@pytest.mark.usefixtures("nth")
def test_the_first_deploy_is_killed(bed: Bed, second: FaultStack) -> None:
    with bed.case("`pulumi` killed (SIGKILL) while it makes a new stack, then `up` again") as turn:
        model = bed.registry.fresh("tiny")
        configure(second, bed, "1Gi", model)
        deploy = second.begin_up()
        path = f"/apis/apps/v1/namespaces/{second.namespace}/statefulsets"
        wait_for("the StatefulSets are being made", lambda: bed.kube.items(path), 90)
        turn.fault()
        deploy.kill()
        assert deploy.outcome().code < 0
        turn.saw(up_after_kill(second))
        judge.all_right(bed.kube, second, [model], 1, RIGHT_S)
        turn.over()
        judge.no_orphan(bed.kube, second)


@pytest.mark.usefixtures("nth")
def test_two_stacks_at_once(bed: Bed, second: FaultStack) -> None:
    with bed.case("Two stacks deployed at once") as turn:
        model = bed.registry.fresh()
        configure(second, bed, "1Gi", model)
        bed.configure(model)
        turn.fault()
        both = [bed.stack.begin_up(), second.begin_up()]
        for deploy in both:
            outcome = deploy.outcome()
            assert outcome.code == 0, outcome.output
        judge.all_right(bed.kube, second, [model], 1, RIGHT_S)
        bed.right(model, turn=turn)
        judge.no_orphan(bed.kube, second)
        # Each has a store of its own.
        assert bed.downloads(model) == 2
        turn.saw("neither minds the other")


@pytest.mark.usefixtures("nth")
def test_a_full_store(bed: Bed, second: FaultStack) -> None:
    with bed.case("The model store is full") as turn:
        small, large = bed.registry.fresh("tiny"), bed.registry.fresh()
        configure(second, bed, "64Mi", large, small)
        turn.fault()
        outcome = second.try_up()
        turn.over()
        told = judge.clear_error(outcome, large, 1)
        assert "no room for" in told
        assert "modelStore.storage" in outcome.output
        judge.nothing_half_served(bed.kube, second, large, small, 1)
        configure(second, bed, "1Gi", large, small)
        second.up()
        judge.all_right(bed.kube, second, [large, small], 1, RIGHT_S)
        judge.no_orphan(bed.kube, second)
        judge.store_keeps(bed.kube, second)
        turn.saw("an error with the room that is wanted; a larger `modelStore.storage` went on")
