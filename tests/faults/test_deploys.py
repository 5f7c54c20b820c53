"""Proves what comes of deploys that meet: two of one stack, and one that meets an autoscaler."""

from __future__ import annotations

import pytest

from tests.faults import judge
from tests.faults.bed import REPLICAS, Bed
from tests.support.kube import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(700)]


@pytest.mark.usefixtures("nth")
def test_two_deploys_of_one_stack(bed: Bed) -> None:
    with bed.case("Two `up`s at once on one stack") as turn:
        model = bed.registry.fresh()
        turn.fault()
        deploy = bed.begin(model)
        second = bed.stack.contend()
        assert deploy.runs, "the first deploy ended too early for this to show anything"
        assert second.returncode > 0, second.stdout
        assert "the stack is currently locked" in second.stdout, second.stdout
        assert "Traceback" not in second.stdout
        bed.ends_well(deploy)
        bed.right(model, turn=turn)
        turn.saw("the second is refused: the stack is locked; the first went on")


@pytest.mark.usefixtures("nth")
def test_a_replica_that_is_added_meanwhile(bed: Bed) -> None:
    with bed.case("A replica added in mid-`up` (as an autoscaler does)") as turn:
        model = bed.registry.fresh()
        deploy = bed.begin(model)
        turn.fault()
        scale = f"/apis/apps/v1/namespaces/{bed.stack.namespace}/statefulsets/chat/scale"
        bed.kube.patch(scale, {"spec": {"replicas": REPLICAS + 1}})
        bed.ends_well(deploy)
        bed.right(model, replicas=REPLICAS + 1, turn=turn)
        turn.saw(f"Ready with its models; {bed.downloads(model):.2f} downloads")
        bed.stack.up("--refresh")
        last = f"chat-{REPLICAS}"
        wait_for(f"{last} goes", lambda: bed.kube.pod(bed.stack.namespace, last) is None, 60)
        judge.no_orphan(bed.kube, bed.stack)
