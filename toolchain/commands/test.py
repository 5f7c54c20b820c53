"""``make test``: every test that this machine can run; the local cluster is started where it does not run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from toolchain import catalog, local, paths
from toolchain.build import progress
from toolchain.build.builder import ensure
from toolchain.commands.machines import bring_node, this_machine
from toolchain.machine import Kind
from toolchain.session import Session

# What the tests with real parts need where no local cluster is started.
PART_TOOLS = (catalog.DEBS, "ollama", *catalog.MODEL_TOOLS)


def test(arguments: Sequence[str]) -> int:
    """Run pytest with the tools and the cluster that the tests look for; returns its exit code.

    Args:
        arguments: for pytest, such as files or ``-k``; everything when empty.
    """
    machine = this_machine()
    report = progress.reporter()
    if machine.kind is not Kind.NODE:
        report.line(
            f"machine: {machine.why}; left out: the tests marked `cluster`, which start and break a node of their own"
        )
        return _pytest(["-m", "not cluster", *arguments], _variables(ensure(PART_TOOLS)))
    before = Session.load()
    node = local.known_node()
    was_running = node.running
    try:
        session = bring_node()
        session.save()
        tools = ensure(tuple(dict.fromkeys((*local.CLUSTER_TOOLS, "kubectl"))))
        return _pytest(arguments, _variables(tools) | _cluster_variables(session))
    finally:
        if not was_running:
            with report.step("Stopping the node that the tests started"):
                node.down()
        if before is None:
            Session.file().unlink(missing_ok=True)


def _variables(tools: catalog.Tools) -> dict[str, str]:
    record = paths.state_dir() / "test-tools.json"
    record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = {name: str(path) for name, path in tools.paths.items()}
    record.write_text(json.dumps({"paths": found, "prefix": str(tools.debs_prefix)}))
    return {
        "ECHORATOR_TOOLS": str(record),
        "ECHORATOR_OLLAMA": str(tools.path("ollama")),
        "ECHORATOR_REGISTRY": str(tools.path("docker-registry")),
    }


def _cluster_variables(session: Session) -> dict[str, str]:
    environment = session.environment()
    return {
        "ECHORATOR_KUBECONFIG": session.kubeconfig,
        "ECHORATOR_KUBECTL": str(session.tools[0] / "kubectl"),
        "ECHORATOR_PULUMI_ENGINE": str(session.engine),
        "ECHORATOR_PULUMI_HOME": str(environment.home),
    }


def _pytest(arguments: Sequence[str], variables: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=Path(paths.CHECKOUT), env={**os.environ, **variables}, check=False).returncode
