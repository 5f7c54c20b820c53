"""A real API server takes every object that the program makes of pools and scaling, with the CRDs of the real projects.

Structural schemas, CEL rules, strict field names. Not shown: that Karpenter, Cluster API, KEDA or a DRA driver act.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, cast

import pytest

from tests.support.kube import Kube
from tests.support.pulumi_mocks import Seen, deploy
from tests.unit.components.conftest import write_kubeconfig
from tests.unit.components.test_gpu_program import POOLS, REFERENCE, SERVERS, program

pytestmark = [pytest.mark.timeout(300), pytest.mark.usefixtures("resources")]

KINDS = {
    "DaemonSet", "DeviceClass", "HorizontalPodAutoscaler", "Issuer", "MachinePool", "NodePool", "ResourceClaimTemplate",
    "RuntimeClass", "ScaledObject", "StatefulSet", "VerticalPodAutoscaler",
}  # fmt: skip


CPU_POOLS = [{"name": "cpu", "karpenter": {"nodeClass": REFERENCE}, "maxCpus": 64}]
EXPOSED: dict[str, Any] = {
    "name": "f",
    "class": "small",
    "expose": {
        "ingress": {
            "host": "chat.example.com",
            "className": "nginx",
            "tlsSecret": "chat-tls",
            "acme": {"server": "https://acme.example.com/directory", "email": "ops@example.com"},
        },
        "fromNamespaces": ["ingress-nginx"],
    },
}


@pytest.fixture
def seen(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Seen:
    local = {"echorator-0123abcd": "https://127.0.0.1:6443"}
    path = write_kubeconfig(tmp_path_factory.mktemp("kube") / "kubeconfig", local, "echorator-0123abcd")
    monkeypatch.setenv("KUBECONFIG", str(path))
    config = {
        "echorator:gpuPools": json.dumps(POOLS),
        "echorator:cpuPools": json.dumps(CPU_POOLS),
        "echorator:servers": json.dumps([*SERVERS, EXPOSED]),
    }
    return deploy(program, config=config)


def whole(value: Any) -> Any:
    """The engine's numbers are all floats."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {key: whole(one) for key, one in cast("Mapping[str, Any]", value).items()}
    return [whole(one) for one in cast("list[Any]", value)] if isinstance(value, list) else value


def objects(seen: Seen) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for (token, name), registered in seen.items():
        if not token.startswith("kubernetes:") or registered.component or token.endswith("Patch"):
            continue
        group, _, kind = token.removeprefix("kubernetes:").rpartition(":")
        if not registered.inputs:
            continue
        body = whole(registered.inputs)
        body["metadata"].setdefault("name", name)
        found.append({**body, "apiVersion": group.removeprefix("core/"), "kind": kind})
    return found


def take(kube: Kube, kubectl: Callable[..., str], found: list[dict[str, Any]]) -> None:
    """Have the API server take objects strictly, in a dry run; their namespaces are there meanwhile."""
    namespaces = {one["metadata"]["namespace"] for one in found if "namespace" in one["metadata"]}
    try:
        for name in namespaces:
            kube.create("/api/v1/namespaces", {"metadata": {"name": name}})
        told = kubectl(
            "apply",
            "--server-side",
            "--dry-run=server",
            "--validate=strict",
            "--filename=-",
            text=json.dumps({"apiVersion": "v1", "kind": "List", "items": found}),
        )
    finally:
        for name in namespaces:
            kube.delete(f"/api/v1/namespaces/{name}")
    assert len(told.splitlines()) >= len(found)


def test_every_object_is_taken(seen: Seen, kube: Kube, kubectl: Callable[..., str]) -> None:
    made = objects(seen)
    assert {one["kind"] for one in made} >= KINDS
    take(kube, kubectl, made)


def test_a_wrong_object_is_not_taken(seen: Seen, kubectl: Callable[..., str]) -> None:
    """Else the test above could not fail."""
    pool = next(one for one in objects(seen) if one["kind"] == "NodePool")
    pool["spec"]["template"]["spec"]["nodeClassRef"].pop("group")
    with pytest.raises(AssertionError, match="group"):
        kubectl("apply", "--server-side", "--dry-run=server", "--filename=-", text=json.dumps(pool))
