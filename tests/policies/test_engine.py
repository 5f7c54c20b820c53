"""The real engine with the pack: a bad stack is stopped before anything is made, a good one is not.

Objects are rendered into files by the real Kubernetes provider, so no cluster is needed. Not shown here: the whole
program on a cluster, which `make up` deploys with the pack.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.policies.objects import DIGEST, SPEC, changed
from tests.support.prepared import NotPreparedError, prepared
from toolchain.paths import CHECKOUT

PACK = CHECKOUT / "policies"
LIMIT_S = 110
COVERED = {"network-pod-covered": "disabled"}
"""The stack has one pod and no NetworkPolicy."""


class Stack:
    """A stack of its own, with a backend of its own."""

    def __init__(self, folder: Path) -> None:
        if not (PACK / ".venv" / "bin" / "python").exists():
            raise NotPreparedError("policies/.venv is missing; make it with: uv sync --frozen --project policies")
        self.folder = folder
        self.out = folder / "out"
        (folder / "backend").mkdir()
        options = {"toolchain": "uv", "virtualenv": str(CHECKOUT / ".venv")}
        project = {"name": "policed", "runtime": {"name": "python", "options": options}}
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        shutil.copy(Path(__file__).with_name("program.py"), folder / "__main__.py")
        engine = prepared("ECHORATOR_PULUMI_ENGINE")
        self.program = engine / "pulumi"
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("PULUMI_", "KUBECONFIG"))},
            "PATH": f"{engine}{os.pathsep}{os.environ['PATH']}",
            "PULUMI_HOME": str(prepared("ECHORATOR_PULUMI_HOME")),
            "PULUMI_BACKEND_URL": (folder / "backend").as_uri(),
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }
        self.run("stack", "init", "prod")

    def run(self, *arguments: str) -> tuple[int, str]:
        """One command: exit code and everything that it wrote."""
        done = subprocess.run(
            [str(self.program), *arguments, "--non-interactive", "--color", "never"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT_S,
            check=False,
        )
        return done.returncode, done.stdout

    def deploy(
        self, command: str, wanted: Mapping[str, Any], config: Mapping[str, Any] | None = None
    ) -> tuple[int, str]:
        """`preview` or `up` of that program with the pack."""
        settings = {"policed:wanted": json.dumps(wanted), "policed:out": str(self.out)}
        old = yaml.safe_load((self.folder / "Pulumi.prod.yaml").read_text())
        (self.folder / "Pulumi.prod.yaml").write_text(yaml.safe_dump({**old, "config": settings}))
        levels = self.folder / "levels.json"
        levels.write_text(json.dumps({**COVERED, **(config or {})}))
        yes = ["--yes", "--skip-preview"] if command == "up" else []
        pack = ["--policy-pack", str(PACK), "--policy-pack-config", str(levels)]
        return self.run(command, "-s", "prod", *yes, *pack)

    def rendered(self) -> list[dict[str, Any]]:
        """The objects that were made."""
        return [yaml.safe_load(path.read_text()) for path in sorted(self.out.rglob("*.yaml"))]


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


GOOD: dict[str, Any] = {
    "pod": SPEC,
    "model": {"source": "registry.ollama.ai/library/m:1", "digest": DIGEST},
}
PRIVILEGED = {"pod": changed(SPEC, {"containers/0/securityContext/privileged": True})}


def test_a_good_stack_is_deployed(stack: Stack) -> None:
    code, output = stack.deploy("up", GOOD)
    assert code == 0, output
    assert "[mandatory]" not in output
    assert {one["kind"] for one in stack.rendered()} == {"ConfigMap", "Pod"}


@pytest.mark.parametrize("command", ["preview", "up"])
def test_a_bad_stack_is_stopped_before_it_is_made(stack: Stack, command: str) -> None:
    code, output = stack.deploy(command, PRIVILEGED)
    assert code != 0
    assert "[mandatory] [severity: critical]  workload-privileged" in output
    assert "spec.containers[0].securityContext.privileged: is true" in output
    assert "Pod" not in {one["kind"] for one in stack.rendered()}


def test_an_unknown_hides_nothing_and_is_looked_at_once_it_is_known(stack: Stack) -> None:
    code, output = stack.deploy("preview", {**PRIVILEGED, "unknownImage": True})
    assert code != 0
    assert "workload-privileged" in output
    assert "supply_chain-digest" not in output
    code, output = stack.deploy("preview", {**GOOD, "unknownImage": True})
    assert code == 0, output
    code, output = stack.deploy("up", {**GOOD, "unknownImage": True})
    assert code != 0
    assert "supply_chain-digest" in output
    assert "Pod" not in {one["kind"] for one in stack.rendered()}


def test_secrets_models_and_outputs(stack: Stack) -> None:
    wanted = {"secret": True, "output": True, "model": {"source": "hf.co/a/b:1", "digest": None}}
    code, output = stack.deploy("preview", wanted)
    assert code != 0
    assert "data.innocent: holds what the stack holds as a secret" in output
    assert "output dbPassword: holds what its name calls a secret" in output
    assert "models-digest  (pulumi-python:dynamic/echorator:OllamaModel: model)" in output
    assert "models-source" in output


def test_levels_and_fixes(stack: Stack, tmp_path: Path) -> None:
    loose = {"pod": {key: value for key, value in SPEC.items() if key != "enableServiceLinks"}}
    code, output = stack.deploy("up", loose, {"workload-service-links": "advisory"})
    assert code == 0, output
    assert "[advisory] [severity: low]  workload-service-links" in output
    (tmp_path / "fresh").mkdir()
    other = Stack(tmp_path / "fresh")
    code, output = other.deploy("up", loose, {"fix-service-links": "remediate"})
    assert code == 0, output
    assert "[remediate]  fix-service-links" in output
    assert "workload-service-links" not in output
    (pod,) = [one for one in other.rendered() if one["kind"] == "Pod"]
    assert pod["spec"]["enableServiceLinks"] is False


def test_a_misspelt_policy_stops_the_command(stack: Stack) -> None:
    code, output = stack.deploy("preview", GOOD, {"workload-priviliged": "disabled"})
    assert code != 0
    assert "no such policy: workload-priviliged" in output
