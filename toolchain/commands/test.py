"""``make test``: every test that this machine can run; the local cluster is started where it does not run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from toolchain import catalog, debian_programs, local, monitoring, paths, side_environment
from toolchain.browser import browser
from toolchain.build import progress
from toolchain.build.builder import ensure
from toolchain.commands import test_lanes
from toolchain.commands.machines import bring_engine, bring_node, this_machine
from toolchain.extras import NONE, Extra
from toolchain.machine import Kind
from toolchain.session import Session
from toolchain.stack import policies

# What the tests with real parts need where no local cluster is started.
PART_TOOLS = (catalog.DEBS, "ollama", catalog.POSTGRES_TOOL, *catalog.MODEL_TOOLS, *catalog.CRD_TOOLS)
NODE_TOOLS = tuple(
    dict.fromkeys(
        (
            *local.CLUSTER_TOOLS,
            "kubectl",
            catalog.POSTGRES_TOOL,
            *catalog.REDUCED_TOOLS,
            *catalog.CRD_TOOLS,
            *catalog.OPERATOR_TOOLS,
            *catalog.PACKAGE_TOOLS,
        )
    )
)

_OWN_ENGINE = ("tests/reduced", "tests/simulated")


CLIENTS = "tests/clients"
"""The environment of the clients that the echo service is tried with."""

BROWSER = "tests/browser"
"""The environment of what drives a browser."""

BROWSERS = re.compile(r"tests/(view|bench)\b")
"""Tests that open a browser: only for these it is fetched."""


def test(arguments: Sequence[str], wanted: frozenset[Extra] = NONE) -> int:  # noqa: PT028 - no test of pytest's
    """Run pytest with the tools and the cluster that the tests look for; returns its exit code.

    Args:
        arguments: for pytest, such as files or ``-k``; everything when empty.
        wanted: what else the cluster is to have; its builds take minutes.
    """
    side_environment.prepare(paths.CHECKOUT, CLIENTS, "the clients under test")
    if not arguments or any(BROWSERS.match(one) for one in arguments):
        side_environment.prepare(paths.CHECKOUT, BROWSER, "the browser's driver")
        with progress.reporter().step("Looking for the browser of the tests"):
            browser(paths.cache_dir() / "images")
    machine = this_machine()
    if machine.kind is Kind.NODE:
        return _on_a_node(arguments, wanted)
    report = progress.reporter()
    report.line(f"machine: {machine.kind.value}: {machine.why}")
    report.line("left out: the tests marked `cluster`, which start containers on a node of their own and break it")
    if machine.kind is Kind.REDUCED:
        policies.prepare(paths.CHECKOUT)
        session, tools = bring_engine()
        variables = _variables(tools, ensure(PART_TOOLS)) | _engine_variables(session)
        return _pytest(["-m", "not cluster", *arguments], variables)
    folders = " and ".join(_OWN_ENGINE)
    report.line(f"left out: {folders}, which need an engine that this machine has from a release instead")
    parts = ensure(PART_TOOLS)
    left_out = [f"--ignore={folder}" for folder in _OWN_ENGINE]
    return _pytest(["-m", "not cluster", *left_out, *arguments], _variables(parts, parts))


def _on_a_node(arguments: Sequence[str], wanted: frozenset[Extra]) -> int:
    before = Session.load()
    node = local.known_node()
    was_running = node.running
    try:
        session = bring_node(wanted)
        session.save()
        policies.prepare(paths.CHECKOUT)
        tools = ensure(NODE_TOOLS)
        variables = _variables(tools, tools) | _engine_variables(session)
        variables["ECHORATOR_KUBECONFIG"] = session.kubeconfig
        variables["ECHORATOR_KUBECTL"] = str(session.tools[0] / "kubectl")
        if arguments:
            return _pytest(arguments, variables)
        lanes = paths.state_dir() / "tests"
        return test_lanes.run(Path(paths.CHECKOUT), {**os.environ, **variables}, lanes, progress.reporter())
    finally:
        if not was_running:
            with progress.reporter().step("Stopping the node that the tests started"):
                node.down()
        if before is None:
            Session.file().unlink(missing_ok=True)


def _variables(tools: catalog.Tools, parts: catalog.Tools) -> dict[str, str]:
    record = paths.state_dir() / "test-tools.json"
    record.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = {name: str(path) for name, path in {**parts.paths, **tools.paths}.items()}
    record.write_text(json.dumps({"paths": found, "prefix": str(parts.debs_prefix)}))
    programs = monitoring.programs(paths.cache_dir() / "images")
    return {
        **{f"ECHORATOR_{name.upper().replace('-', '_')}": str(path) for name, path in programs.items()},
        "ECHORATOR_TOOLS": str(record),
        "ECHORATOR_OLLAMA": str(parts.path("ollama")),
        "ECHORATOR_POSTGRES": str(parts.path(catalog.POSTGRES_TOOL)),
        "ECHORATOR_REDIS": str(debian_programs.redis(paths.cache_dir() / "images")),
        "ECHORATOR_REGISTRY": str(parts.path("docker-registry")),
    }


def _engine_variables(session: Session) -> dict[str, str]:
    return {
        "ECHORATOR_PULUMI_ENGINE": str(session.engine),
        "ECHORATOR_PULUMI_HOME": str(session.environment().home),
    }


def _pytest(arguments: Sequence[str], variables: dict[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", *arguments]
    return subprocess.run(command, cwd=Path(paths.CHECKOUT), env={**os.environ, **variables}, check=False).returncode
