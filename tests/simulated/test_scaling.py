"""`pulumi up` leaves the number of replicas to the autoscaler, whatever else it changes, and others' labels alone.

The autoscaler's part is played by writes to the scale subresource, which is what it writes. Not shown: that load makes
it do so.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulated.conftest import SETTINGS
from tests.support.kube import Kube, wait_for
from tests.support.stack import LiveStack

pytestmark = pytest.mark.timeout(400)

MESH = {"istio.io/dataplane-mode": "ambient"}
SERVER: dict[str, Any] = {
    "name": "chat",
    "resources": {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "2Gi"}},
    "storage": "1Gi",
}


def settings(**changes: Any) -> dict[str, Any]:
    return {**SETTINGS, "servers": [{**SERVER, **changes}]}


def test_a_deploy_does_not_undo_what_the_autoscaler_did(kube: Kube, live_stack: LiveStack) -> None:
    path = f"/apis/apps/v1/namespaces/{live_stack.namespace}/statefulsets/chat"

    def stateful_set() -> dict[str, Any]:
        found = kube.get(path)
        assert found is not None
        return found

    live_stack.configure(settings(replicas=3))
    live_stack.up()
    assert stateful_set()["spec"]["replicas"] == 3

    # What a mesh wants of the namespace, set by hand.
    namespace = f"/api/v1/namespaces/{live_stack.namespace}"
    kube.patch(namespace, {"metadata": {"labels": MESH}})

    # Switched on: what runs stays, and is not set to 1 on the way.
    live_stack.configure(settings(scaling={"min": 1, "max": 6}))
    live_stack.up()
    assert stateful_set()["spec"]["replicas"] == 3
    autoscaler = kube.get(f"/apis/autoscaling/v2/namespaces/{live_stack.namespace}/horizontalpodautoscalers/chat")
    assert autoscaler is not None
    assert (autoscaler["spec"]["minReplicas"], autoscaler["spec"]["maxReplicas"]) == (1, 6)

    for replicas in (4, 2):
        kube.patch(f"{path}/scale", {"spec": {"replicas": replicas}})
        wait_for("the replicas follow", lambda n=replicas: stateful_set()["status"].get("replicas") == n, 120)
        changed = {"scaling": {"min": 1, "max": 6}, "pod": {"annotations": {"note": f"{replicas}"}}}
        live_stack.configure(settings(**changed))
        live_stack.up()
        assert stateful_set()["spec"]["replicas"] == replicas
        assert stateful_set()["spec"]["template"]["metadata"]["annotations"]["note"] == f"{replicas}"
    again = live_stack.up()
    assert set(again.changes) <= {"same"}, again.changes

    found = kube.get(namespace)
    assert found is not None
    assert MESH.items() <= found["metadata"]["labels"].items()

    # Switched off: the number is the settings' again.
    live_stack.configure(settings(replicas=4))
    live_stack.up()
    assert stateful_set()["spec"]["replicas"] == 4
