"""A stack with monitoring breaks no check but those that an exception names, in dev and in prod, in both modes.

Not shown: what the operator itself makes of the objects; the local cluster's tests look at its pods.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from components.versions import ADDON_IMAGES, IMAGES, MONITORING_IMAGES
from policies.context import Context
from policies.exceptions import load
from policies.runner import Runner
from tests.policies.objects import DIGEST
from tests.policies.support import pack_config, registered, stack_config

RECEIVER = {"name": "on-call", "url": "https://hooks.example/alerts"}
RESPONDER = {"enabled": True, "dryRun": False, "allow": ["restart-stuck-pull", "scale-up", "cordon-replica"]}
BRING = {
    "enabled": True,
    "kubelet": True,
    "kubeStateMetrics": True,
    "probes": {"enabled": True},
    "alertmanager": {"receivers": [RECEIVER]},
    "responder": RESPONDER,
}
COLLECTOR = {
    "enabled": True,
    "logs": {"url": "https://logs.example/otlp", "credentialsSecret": "logs"},
    "traces": {"url": "https://traces.example:4318"},
    "jaeger": True,
}
GPU_OPERATOR = {"enabled": True, "mode": "existing", "namespace": "gpu-operator"}
PARTS = {
    "collector": ["*-podmonitor-collector", "*-podmonitor-log-reader", "*-logs-"],
    "gpuExporter": ["*-gpus-"],
}
"""Setting to what of the exceptions is about it."""
EXISTING = {"enabled": True, "mode": "existing", "scraperNamespace": "monitoring", "labels": {"release": "prometheus"}}
PROD = {
    "echorator:cluster": json.dumps({"storageClass": "encrypted"}),
    "echorator:imageDigests": json.dumps(dict.fromkeys([*IMAGES, *MONITORING_IMAGES, *ADDON_IMAGES], DIGEST)),
}


@pytest.mark.parametrize(
    ("name", "settings", "excused"),
    [
        ("dev", BRING, True),
        (
            "prod",
            {**BRING, "collector": COLLECTOR, "grafana": {"enabled": True}, "gpuExporter": {"enabled": True}},
            True,
        ),
        ("prod", {**BRING, "gpuExporter": GPU_OPERATOR}, True),
        ("prod", EXISTING, False),
    ],
)
def test_no_violation_but_those_with_an_exception(
    name: str, settings: dict[str, Any], excused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    filled = {**(PROD if name == "prod" else {}), "echorator:monitoring": json.dumps(settings)}
    stack = registered(name, tmp_path, filled)
    assert any(one.type == "kubernetes:monitoring.coreos.com/v1:PodMonitor" for one in stack)
    found = Runner(Context(name, {**stack_config(name), **filled}), pack_config(name)).all(stack)
    known = {(one.id, one.resource) for one in load()}
    broken = {(one.check.id, f"{one.resource.type}::{one.resource.name}") for one in found if one.resource}
    assert len(broken) == len({str(one) for one in found})
    about = ["::monitoring-prometheus-operator-role", *(part for key in settings for part in PARTS.get(key, ()))]
    if settings.get("gpuExporter") == GPU_OPERATOR:
        about = [*about[:1], "*-podmonitor-gpu-exporter"]
    excepted = {pair for pair in known if excused and any(part in pair[1] for part in about)}

    def covers(exception: tuple[str, str], one: tuple[str, str]) -> bool:
        return exception[0] == one[0] and fnmatchcase(one[1], exception[1])

    assert [one for one in broken if not any(covers(exception, one) for exception in excepted)] == []
    assert [exception for exception in excepted if not any(covers(exception, one) for one in broken)] == []
