"""The components as a package: the committed program in YAML is deployed, answers, and goes.

Not shown: programs in TypeScript, Go and C#, whose hosts are not built here; they get the same schema from the same
provider, and the engine's check finds no fault in it.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from pulumi.provider.experimental.component import ComponentProvider

from components.model_servers import ModelServers
from tests.integration.chat import SMOLLM2
from tests.integration.mirror import Mirror
from tests.support import prepared
from tests.support.kube import Kube, Replica
from tests.support.stack import Engine
from toolchain.paths import CHECKOUT
from toolchain.stack.environment import StackEnvironment

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(400)]

EXAMPLE = CHECKOUT / "examples" / "yaml"
LIMIT_S = 300


class Program:
    """The example in a folder of the test's own, with a stack of its own."""

    def __init__(self, engine: Engine, folder: Path, prefix: str) -> None:
        self.prefix = prefix
        project: dict[str, Any] = yaml.safe_load((EXAMPLE / "Pulumi.yaml").read_text())
        [plugin] = project["plugins"]["providers"]
        plugin["path"] = str((EXAMPLE / plugin["path"]).resolve())
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
        environment = StackEnvironment(
            project=folder, state=folder, engine=engine.folder, kubeconfig=str(engine.kubeconfig)
        )
        environment.make_files()
        env = environment.variables({key: one for key, one in os.environ.items() if not key.startswith("PULUMI_")})
        host = prepared.tools().path("pulumi-language-yaml").parent
        # As docs/package.md has it.
        more = {"PULUMI_RUNTIME_VIRTUALENV": str(CHECKOUT / ".venv"), "PYTHONPATH": str(CHECKOUT)}
        self._env = {**env, **more, "PULUMI_HOME": str(engine.home), "PATH": f"{host}{os.pathsep}{env['PATH']}"}
        self._folder = folder
        self._program = engine.folder / "pulumi"

    def run(self, *arguments: str) -> str:
        """One command; fails the test unless it ends well."""
        command = [str(self._program), *arguments, "--non-interactive", "--color", "never"]
        done = subprocess.run(
            command, cwd=self._folder, env=self._env, capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        assert done.returncode == 0, f"pulumi {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout


@pytest.fixture
def program(engine: Engine, run_name: str, mirror: Mirror, tmp_path: Path) -> Iterator[Program]:
    made = Program(engine, tmp_path, f"{run_name}-yaml")
    made.run("stack", "init", "dev")
    made.run("config", "set", "namespace", made.prefix)
    made.run("config", "set", "mirror", mirror.url)
    yield made
    made.run("destroy", "--yes", "--skip-preview")


def test_a_program_in_yaml_is_deployed_and_answers(program: Program, kube: Kube) -> None:
    program.run("preview")
    program.run("up", "--yes", "--skip-preview")
    outputs: dict[str, Any] = json.loads(program.run("stack", "output", "--json"))
    namespace = f"{program.prefix}-models"
    assert outputs == {
        "namespace": namespace,
        "endpoints": {"chat": f"http://chat.{namespace}.svc.cluster.local:11434"},
    }
    assert "Paris" in Replica(kube, namespace, "chat-0").ask(SMOLLM2, "What is the capital of France?")
    program.run("up", "--yes", "--skip-preview", "--expect-no-changes")


def test_the_schema_is_one_that_sdks_are_made_of(engine: Engine, tmp_path: Path) -> None:
    """The engine's own check, strict: what it takes its generators take, for every language."""
    provider = ComponentProvider([ModelServers], "echorator", None, "1.0.0")
    schema = tmp_path / "schema.json"
    schema.write_text(str(provider.schema))
    environment = {"PULUMI_HOME": str(engine.home), "PULUMI_SKIP_UPDATE_CHECK": "true", "PATH": os.environ["PATH"]}

    def check() -> str:
        command = [str(engine.folder / "pulumi"), "schema", "check", str(schema), "--allow-dangling-references=false"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100, check=False
        )
        return f"{done.returncode}\n{done.stdout}{done.stderr}"

    assert check().startswith("0\n"), check()
    broken = json.loads(schema.read_text())
    broken["resources"]["echorator:index:ModelServers"]["inputProperties"]["fit"] = {"$ref": "#/types/none"}
    schema.write_text(json.dumps(broken))
    assert not check().startswith("0\n")


def test_the_repository_is_a_template(engine: Engine, tmp_path: Path) -> None:
    left_out = shutil.ignore_patterns(".git", ".venv", ".echorator", "__pycache__", ".*_cache", "tests", "docs")
    shutil.copytree(CHECKOUT, tmp_path / "template", ignore=left_out, symlinks=True)
    (tmp_path / "made").mkdir()
    (tmp_path / "backend").mkdir()
    env = {
        **{key: one for key, one in os.environ.items() if not key.startswith("PULUMI_")},
        "PATH": f"{engine.folder}{os.pathsep}{os.environ['PATH']}",
        "PULUMI_HOME": str(engine.home),
        "PULUMI_BACKEND_URL": (tmp_path / "backend").as_uri(),
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    options = ["--name", "echorator", "--yes", "--generate-only", "--dir", str(tmp_path / "made")]
    done = subprocess.run(
        [str(engine.folder / "pulumi"), "new", str(tmp_path / "template"), *options, "--color", "never"],
        cwd=tmp_path,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    project: dict[str, Any] = yaml.safe_load((tmp_path / "made" / "Pulumi.yaml").read_text())
    assert project["name"] == "echorator"
    # What was asked for is answered, so Pulumi takes the questions out.
    assert "template" not in project
    asked = yaml.safe_load((CHECKOUT / "Pulumi.yaml").read_text())["template"]["config"]
    assert set(asked) <= set(project["config"])
    assert (tmp_path / "made" / "components" / "cluster.py").exists()
