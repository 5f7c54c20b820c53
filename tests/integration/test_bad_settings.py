"""Proves by the real command that wrong settings end in one error that lists every fault, with nothing registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.integration.chat import SMOLLM2, server
from tests.support.kube import Kube
from tests.support.stack import Engine, LiveStack

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(200)]


@pytest.fixture(scope="module")
def blank(make_stack: Callable[[str], LiveStack]) -> LiveStack:
    """A stack that is never deployed."""
    return make_stack("blank")


def untouched(stack: LiveStack, kube: Kube) -> None:
    assert stack.resources() == []
    assert kube.get(f"/api/v1/namespaces/{stack.namespace}") is None


def test_every_fault_is_listed_and_nothing_is_registered(blank: LiveStack, kube: Kube) -> None:
    first = {
        **server(0, [SMOLLM2, SMOLLM2.upper(), {"name": "all-minilm:22m", "digest": "sha256:short"}]),
        "replica": 2,
    }
    servers: list[Mapping[str, Any]] = [first, {**server(1, []), "storage": 5}, {**server(1, []), "name": "Big_One"}]
    blank.configure({"servers": servers, "modelStore": {"storage": "20 bytes"}, "colour": "green"})
    expected = {
        "colour": "unknown",
        "modelStore.storage": "20 bytes",
        "servers[0].replica": "replicas",
        "servers[0].replicas": "0",
        "servers[0].models[1].name": "once",
        "servers[0].models[2].digest": "64",
        "servers[1].name": "chat",
        "servers[1].storage": "text",
        "servers[2].name": "Big_One",
    }
    for outcome in (blank.preview(), blank.try_up()):
        assert outcome.code > 0
        told = outcome.output.rpartition("Diagnostics:")[2]
        assert told.count("The stack configuration has 9 faults; nothing was deployed") == 1
        lines = [line.strip() for line in told.splitlines() if line.strip().startswith("- ")]
        assert len(lines) == len(expected), outcome.output
        for key, word in expected.items():
            assert any(line.startswith(f"- {key}:") and word in line for line in lines), f"{key}\n{outcome.output}"
        assert "Traceback" not in outcome.output
    untouched(blank, kube)


def test_dev_refuses_a_cluster_that_is_not_local(blank: LiveStack, engine: Engine, kube: Kube, tmp_path: Path) -> None:
    far = yaml.safe_load(engine.kubeconfig.read_text())
    # A name that is kept free for examples: nobody is there.
    far["clusters"][0]["cluster"]["server"] = "https://cluster.nowhere.example:6443"
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.touch(0o600)
    kubeconfig.write_text(yaml.safe_dump(far))
    blank.configure({"servers": [server(1, [SMOLLM2])]})
    outcome = blank.try_up(kubeconfig=kubeconfig, limit_s=60)
    assert outcome.code > 0
    assert outcome.seconds < 60
    assert "https://cluster.nowhere.example:6443) is not local" in outcome.output
    assert "Traceback" not in outcome.output
    untouched(blank, kube)


def test_a_context_that_is_not_there_is_named(blank: LiveStack, kube: Kube) -> None:
    blank.configure({"servers": [server(1, [SMOLLM2])], "cluster": {"context": "elsewhere"}})
    outcome = blank.preview()
    assert outcome.code > 0
    assert "there is no context `elsewhere`" in outcome.output
    assert "Traceback" not in outcome.output
    untouched(blank, kube)
