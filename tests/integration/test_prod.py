"""The committed file for production, on the local cluster: once `echorator pin` was there, no policy is broken.

Not shown: a deploy of it, whose volumes and models are for a cluster in a cloud.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from components.versions import IMAGES
from tests.support.kube import Kube
from tests.support.stack import LiveStack, Outcome
from toolchain.local import REGISTRY_FORWARD
from toolchain.node import ports
from toolchain.node.node import Node
from toolchain.paths import CHECKOUT

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

PACK = ("--policy-pack", "policies", "--policy-pack-config", "policies/config/prod.json")
DIGEST_CHECK = "supply_chain-digest"


@pytest.fixture(scope="module")
def stack(make_stack: Callable[[str], LiveStack]) -> LiveStack:
    """With the settings of the committed file under a prefix of the test's own."""
    made = make_stack("prod")
    config: dict[str, Any] = yaml.safe_load((CHECKOUT / "Pulumi.prod.yaml").read_text())["config"]
    settings = {key.removeprefix("echorator:"): one for key, one in config.items() if key.startswith("echorator:")}
    made.configure({**settings, "namespace": made.name})
    return made


@pytest.fixture(scope="module")
def registry(node: Node) -> str:
    return f"http://127.0.0.1:{ports.read(node.layout.forwards_file)[REGISTRY_FORWARD].port}"


def pin(stack: LiveStack, *options: str) -> subprocess.CompletedProcess[str]:
    file = str(stack.folder / f"Pulumi.{stack.name}.yaml")
    command = [str(CHECKOUT / "echorator"), "pin", "-s", stack.name, "--config-file", file, *options, "--json"]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=100, check=False)


def violations(outcome: Outcome) -> set[str]:
    """The checks that a preview names."""
    return set(re.findall(r"\[(?:mandatory|advisory)\] \[severity: \w+\]\s+(\S+)", outcome.output))


def test_only_the_images_digests_are_missing(stack: LiveStack) -> None:
    outcome = stack.preview(*PACK)
    assert outcome.code > 0, outcome.output
    assert violations(outcome) == {DIGEST_CHECK}, outcome.output


def test_pinned_it_breaks_nothing(stack: LiveStack, registry: str, kube: Kube) -> None:
    unpinned = pin(stack, "--registry", registry, "--check")
    assert unpinned.returncode == 1, unpinned.stderr
    done = pin(stack, "--registry", registry)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert set(told["digests"]) == set(IMAGES)
    config = yaml.safe_load((stack.folder / f"Pulumi.{stack.name}.yaml").read_text())["config"]
    assert config["echorator:imageDigests"] == told["digests"]
    assert pin(stack, "--registry", registry, "--check").returncode == 0
    outcome = stack.preview(*PACK)
    assert outcome.code == 0, outcome.output
    assert violations(outcome) == set(), outcome.output
    assert outcome.changes["create"] > 40
    assert kube.get(f"/api/v1/namespaces/{stack.namespace}") is None


def test_a_registry_that_does_not_answer_is_told(stack: LiveStack) -> None:
    done = pin(stack, "--registry", "http://127.0.0.1:1")
    assert done.returncode == 1
    assert all(f"- {name}: 127.0.0.1:1 does not answer" in done.stderr for name in IMAGES)
