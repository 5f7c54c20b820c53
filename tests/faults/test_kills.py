"""Proves that what is killed in the middle of a pull comes back, and that one download is enough all the same.

One node: a node that dies with its pods is not shown, and neither is a power cut, where a disk loses what was not
synced.
"""

from __future__ import annotations

import json

import pytest

from tests.faults import judge
from tests.faults.bed import Bed
from tests.faults.deploys import FaultStack
from tests.support.kube import wait_for
from toolchain.node.node import Node

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(700)]


def up_after_kill(stack: FaultStack) -> str:
    """Deploy after a deploy was killed; returns what it took. Providers that Pulumi left alive are still there then."""
    outcome = stack.try_up()
    told = "`up` went on"
    if outcome.code:
        assert "the stack is currently locked" in outcome.output, outcome.output
        assert "pulumi cancel" in outcome.output
        assert stack.unlock().code == 0
        stack.up()
        told = "refused: the stack is locked, see `pulumi cancel`; after that `up` went on"
    if pending := json.loads(stack.state())["deployment"].get("pending_operations"):
        stack.refresh("--clear-pending-creates")
        told += f"; {len(pending)} pending operations stayed until `pulumi refresh --clear-pending-creates`"
    left = stack.end_processes()
    return f"{told}; {left} processes of Pulumi had outlived it"


@pytest.mark.usefixtures("nth")
def test_a_pod(bed: Bed) -> None:
    with bed.case("Pod of a replica killed in mid-pull (force)") as turn:
        model = bed.registry.fresh()
        deploy = bed.begin(model)
        turn.fault()
        bed.kill_pod("chat-0")
        bed.ends_well(deploy)
        bed.right(model, turn=turn)
        turn.saw(f"the same `up` went on; {bed.downloads(model):.2f} downloads")


@pytest.mark.parametrize("container", ["ollama", "agent"])
@pytest.mark.usefixtures("nth")
def test_a_container(bed: Bed, container: str) -> None:
    with bed.case(f"`kill -9` of the container `{container}` in mid-pull") as turn:
        model = bed.registry.fresh()
        deploy = bed.begin(model)
        turn.fault()
        bed.kill_container("chat-0", container)
        bed.ends_well(deploy)
        bed.right(model, turn=turn)
        turn.saw(f"the same `up` went on; {bed.downloads(model):.2f} downloads")


@pytest.mark.usefixtures("nth")
def test_the_store(bed: Bed) -> None:
    with bed.case("Pod of the model store killed in mid-pull (force)") as turn:
        model = bed.registry.fresh()
        deploy = bed.begin(model)
        turn.fault()
        bed.kill_pod("model-store-0")
        bed.ends_well(deploy)
        bed.right(model, turn=turn)
        turn.saw(f"the same `up` went on; {bed.downloads(model):.2f} downloads")
        # What one life had fetched is of use to the next: only the pieces in flight are fetched twice.
        assert bed.downloads(model) < 1.3


@pytest.mark.usefixtures("nth")
def test_pulumi(bed: Bed) -> None:
    with bed.case("`pulumi` killed (SIGKILL) in mid-`up`, then `up` again") as turn:
        model = bed.registry.fresh()
        deploy = bed.begin(model)
        turn.fault()
        deploy.kill()
        assert deploy.outcome().code < 0
        bed.registry.lift()
        turn.saw(up_after_kill(bed.stack))
        bed.right(model, turn=turn)
        turn.saw(f"{bed.downloads(model):.2f} downloads")


@pytest.mark.usefixtures("nth")
def test_the_api_server(bed: Bed, node: Node) -> None:
    with bed.case("API server killed (`kill -9`) in mid-`up`") as turn:
        model = bed.registry.fresh()
        deploy = bed.begin(model)
        pid = next(part.pid for part in node.status().components if part.name == "kube-apiserver")
        turn.fault()
        node.run_inside(["kill", "-9", str(pid)])
        wait_for("the API server is back", judge.tolerant(lambda: bed.kube.request("GET", "/readyz").is_success), 90)
        bed.registry.lift()
        outcome = deploy.outcome()
        if outcome.code:
            assert "Traceback" not in outcome.output, outcome.output
            turn.saw("`up` failed with an error; the next one went on")
            bed.stack.up("--refresh")
        else:
            turn.saw("the same `up` went on")
        bed.right(model, turn=turn)
