"""Our own stacks break no check, and one security setting broken in any of their objects does.

The objects are what the whole program registers, for both committed stack files; prod gets what each user fills in: the
images' digests. Not shown: that the checks are all that can be asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from components.versions import IMAGES
from policies.context import Context
from policies.exceptions import Exceptions, load
from policies.items import Resource
from policies.runner import Runner
from tests.policies.mutants import Mutant, mutants
from tests.policies.objects import DIGEST
from tests.policies.support import pack_config, registered, stack_config

FILLED_IN: Mapping[str, Mapping[str, str]] = {
    "dev": {},
    "prod": {
        "echorator:imageDigests": json.dumps(dict.fromkeys(IMAGES, DIGEST)),
    },
}

UNNOTICED: Mapping[str, str] = {
    r"- .*[cC]ontainers\.\d+\.securityContext\.runAsNonRoot$": "the pod's own setting holds for the container",
    r"- spec\.template\.spec\.securityContext\.runAsNonRoot$": "each container's own setting holds",
    r"Deployment echo-pods: - .*\.fsGroup$": "it has no volume that keeps anything",
    r"- .*\.volumes$": "the API server refuses mounts of volumes that are not there",
    r"- .*\.volumes\.\d+\.(name|configMap|projected|secret|emptyDir)$": "the API server refuses such a volume",
    r"- .*\.volumes\.\d+\.(configMap|projected|secret)\.": "which file is mounted; the kubelet tells a missing one",
    r"- .*\.image$": "the API server refuses a container without an image",
    r"- .*resources\.limits\.nvidia": "a device that is not asked for is not given",
    r"- spec\.(ingress|egress)$": "without rules a policy closes the direction, since it names it",
    r"- .*\.ports\.\d+\.protocol$": "TCP is the default",
    r"- .*\.(from|to)\.\d+\.(namespaceSelector|ipBlock)$": "the peer is then of the policy's own namespace",
    r"- .*\.(from|to)\.\d+\.\w+Selector\.matchLabels\.": "which labels mark a client only the program knows",
    r"- .*egress\.\d+\.to\.\d+\.namespaceSelector\.matchLabels$": "how DNS is usually found",
    r"- .*\.ipBlock\.cidr$": "the API server refuses a block without addresses",
    r"OllamaModel .*: other source$": "asked of prod alone",
    r"PodDisruptionBudget .*: gone$": "asked of prod alone",
    r"NetworkPolicy (cluster-allow-dns|.*-acme): gone$": "closes more",
    r"Service .*: - spec\.type$": "ClusterIP is the default",
}
"""What is no weakening, or not to be told from outside, and why."""


@pytest.fixture(params=["dev", "prod"])
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stack(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Resource]:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    return registered(name, tmp_path, FILLED_IN[name])


@pytest.fixture
def runner(name: str) -> Runner:
    return Runner(Context(name, {**stack_config(name), **FILLED_IN[name]}), pack_config(name))


def test_no_violation(stack: list[Resource], runner: Runner) -> None:
    assert sum(one.type.startswith("kubernetes:") for one in stack) > 20
    assert [str(one) for one in runner.all(stack)] == []


def test_staging_breaks_no_check_of_production(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    given = stack_config("staging")
    cluster = {**json.loads(given["echorator:cluster"]), "context": None}
    filled_in = {**FILLED_IN["prod"], "echorator:cluster": json.dumps(cluster)}
    found = registered("staging", tmp_path, filled_in)
    runner = Runner(Context("staging", {**given, **filled_in}), pack_config("prod"))
    assert sum(one.type.startswith("kubernetes:") for one in found) > 20
    assert [str(one) for one in runner.all(found)] == []


def test_each_broken_setting_is_noticed(name: str, stack: list[Resource], runner: Runner) -> None:
    found = list(mutants(stack))
    unnoticed = [one.name for one in found if not _told(runner, one)]
    reasons = {
        one: next((why for pattern, why in UNNOTICED.items() if re.search(pattern, one)), None) for one in unnoticed
    }
    print(f"\n{name}: {len(found)} broken settings, {len(found) - len(unnoticed)} noticed")
    for one, why in reasons.items():
        print(f"  not noticed: {one} ({why})")
    assert len(found) > 300
    assert name == "dev" or not [one for one in unnoticed if one.startswith(("OllamaModel", "PodDisruption"))]
    assert [one for one, why in reasons.items() if why is None] == []


def _told(runner: Runner, mutant: Mutant) -> bool:
    """Whether the broken object, or the stack with it, breaks a check; the other objects break none by themselves."""
    alone = mutant.broken is not None and any(any(runner.resource(check, mutant.broken)) for check in runner.checks)
    return alone or any(any(runner.stack(check, mutant.resources)) for check in runner.checks)


def test_device_plugins_break_nothing_that_is_not_excepted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    of_nodes = {"devices": "devicePlugin", "maxNodes": 4}
    pools = [
        {"name": "l4", "accelerator": "nvidia-l4", "existing": {"selector": {"gpu": "l4"}}, **of_nodes},
        {"name": "max", "accelerator": "intel-max-1100", "existing": {"selector": {"gpu": "max"}}, **of_nodes},
        {"name": "l40s", "accelerator": "amd-mi300x", "existing": {"selector": {"gpu": "amd"}}, **of_nodes},
    ]
    plugins = ("nvidia-device-plugin", "amd-device-plugin", "intel-device-plugin")
    filled_in = {
        "echorator:imageDigests": json.dumps(dict.fromkeys([*IMAGES, *plugins], DIGEST)),
        "echorator:gpuPools": json.dumps(pools),
    }
    found = registered("prod", tmp_path, filled_in)
    assert {one.name for one in found if one.type.endswith(":DaemonSet")} == {
        "l4-devices-plugin",
        "l40s-devices-plugin",
        "max-devices-plugin",
    }
    # On their last day, so that this test does not end with them.
    excused = Exceptions(load(), min(one.expires for one in load()))
    runner = Runner(Context("prod", {**stack_config("prod"), **filled_in}), pack_config("prod"), excused)
    assert [str(one) for one in runner.all(found)] == []
