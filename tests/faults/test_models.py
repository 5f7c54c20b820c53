"""Proves what comes of a wrong digest, of a lost volume, and of twenty models at once."""

from __future__ import annotations

import pytest

from tests.faults import judge
from tests.faults.bed import REPLICAS, Bed
from tests.support.kube import wait_for

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(700)]

MANY = 20


@pytest.mark.usefixtures("nth")
def test_a_wrong_digest(bed: Bed) -> None:
    with bed.case("Another digest wanted than the registry has") as turn:
        model = bed.registry.fresh()
        wrong = "sha256:" + "0123456789abcdef" * 4
        bed.configure({"name": model.name, "digest": wrong})
        turn.fault()
        outcome = bed.stack.try_up()
        turn.over()
        told = judge.clear_error(outcome, model, REPLICAS)
        assert wrong in told
        assert model.digest in told
        judge.nothing_half_served(bed.kube, bed.stack, model, bed.keeps, REPLICAS)
        bed.configure({"name": model.name, "digest": model.digest})
        bed.stack.up()
        bed.right(model, turn=turn)
        turn.saw("an error with both digests; the mended setting went on")


@pytest.mark.usefixtures("nth")
def test_a_lost_volume(bed: Bed) -> None:
    with bed.case("Volume and pod of a replica deleted") as turn:
        model = bed.registry.fresh()
        bed.configure(model)
        bed.stack.up()
        bed.registry.plan()
        namespace, claim = bed.stack.namespace, "data-chat-1"
        path = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}"
        before = (bed.kube.get(path) or {})["metadata"]["uid"]
        turn.fault()
        bed.kube.delete(path)
        bed.kill_pod("chat-1")

        def anew() -> bool:
            found = bed.kube.get(path)
            return found is not None and found["metadata"]["uid"] != before

        wait_for("chat-1 has a new volume", anew, 60)
        bed.right(model, turn=turn)
        assert bed.downloads(model) == 0
        assert set(bed.stack.up("--refresh", "--expect-no-changes").changes) == {"same"}
        turn.saw("filled from the store by itself; 0 bytes from upstream; nothing left for `up` to do")


@pytest.mark.usefixtures("nth")
def test_twenty_models_at_once(bed: Bed) -> None:
    with bed.case(f"{MANY} models at once on {REPLICAS} replicas, then all removed at once") as turn:
        models = [bed.registry.fresh("tiny") for _ in range(MANY)]
        bed.configure(*models)
        turn.fault()
        bed.stack.up()
        bed.right(*models, turn=turn)
        assert {bed.downloads(model) for model in models} == {1.0}
        bed.configure()
        bed.stack.up()
        bed.right(turn=turn)
        turn.saw("each downloaded once")
