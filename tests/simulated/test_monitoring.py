"""A real API server takes every object of a monitoring stack with all that it can have: field names, quotas, roles.

Not shown: that Grafana and the exporter of GPUs run, whose images cannot be had on a bare machine.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.simulated.test_objects import objects, take
from tests.support.kube import Kube
from tests.unit.components.conftest import write_kubeconfig
from tests.unit.components.monitoring.register.test_gpus import L4
from tests.unit.components.test_monitoring_stack import COLLECTOR, MEMORY, made

pytestmark = pytest.mark.timeout(300)

WHOLE: dict[str, Any] = {
    "tls": True,
    "kubeStateMetrics": True,
    "kubelet": True,
    "probes": {"enabled": True},
    "responder": {"enabled": True},
    "collector": COLLECTOR,
    "grafana": {"enabled": True, "settings": {"auth.anonymous.enabled": "true"}, "credentialsSecret": "sso"},
    "gpuExporter": {"enabled": True},
}


def test_every_object_is_taken(
    kube: Kube, kubectl: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = {"echorator-0123abcd": "https://127.0.0.1:6443"}
    monkeypatch.setenv("KUBECONFIG", str(write_kubeconfig(tmp_path / "kubeconfig", local, "echorator-0123abcd")))
    seen = made(parts={"memory": MEMORY, "echo": True}, pools=[L4], **WHOLE)
    # The operator's kinds have definitions of their own, which tests/monitoring/test_definitions.py holds them against.
    # Here the engine wraps what is secret, so that no Secret is as it would be.
    found = [
        one for one in objects(seen) if "monitoring.coreos.com" not in one["apiVersion"] and one["kind"] != "Secret"
    ]
    assert {"DaemonSet", "Deployment", "Role", "NetworkPolicy"} <= {one["kind"] for one in found}
    parts = {"collector", "jaeger", "log-reader", "grafana", "gpu-exporter-l4"}
    assert parts <= {one["metadata"]["name"] for one in found}
    take(kube, kubectl, found)
