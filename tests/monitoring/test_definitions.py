"""Every custom object of a stack has only fields that the operator's own definitions know.

The API server drops what it does not know and says nothing; the setting would be lost. Not shown: what the operator
makes of them.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.monitoring.definitions import schemas, strange
from tests.unit.components.test_monitoring_stack import made

pytestmark = pytest.mark.usefixtures("local_kubeconfig")

FULL = {
    "tls": True,
    "kubelet": True,
    "kubeStateMetrics": True,
    "responder": {"enabled": True},
    "probes": {"enabled": True},
    "prometheus": {"retentionSize": "3GB", "replicas": 2},
    "remoteWrite": [{"url": "http://far.example:9009/push", "credentialsSecret": "far"}],
    "alertmanager": {
        "receivers": [{"name": "a", "urlSecret": "hook"}],
        "quiet": {"start": "22:00", "end": "07:00"},
        "deadManUrl": "https://alive.example/x",
    },
}


@pytest.mark.parametrize("settings", [{}, FULL, {"mode": "existing", "scraperNamespace": "theirs", "tls": True}])
def test_fields_are_known(settings: dict[str, Any]) -> None:
    looked_at = 0
    for (kind, name), found in made(parts={"models": {"chat": ["smollm2:135m"]}}, **settings).items():
        schema = schemas().get(kind.rpartition(":")[2])
        if schema is None or "monitoring.coreos.com" not in kind:
            continue
        looked_at += 1
        assert list(strange(dict(found.inputs), schema, name)) == []
    assert looked_at >= 3


def test_a_strange_field_is_told() -> None:
    odd: dict[str, Any] = {"spec": {"podMetricsEndpoints": [{"prt": "http", "interval": 5}], "selector": {}}}
    told = list(strange(odd, schemas()["PodMonitor"], "m"))
    assert "m.spec.podMetricsEndpoints[0].prt" in told
    assert any("interval is no string" in one for one in told)
