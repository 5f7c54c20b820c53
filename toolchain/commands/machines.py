"""What every command needs first: the kind of machine and the stack's environment on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from toolchain import catalog, local, paths
from toolchain.build.builder import Builder
from toolchain.build.catalogue import Catalogue
from toolchain.machine import Kind, Machine, choose
from toolchain.preflight import why_no_node
from toolchain.stack.environment import StackEnvironment
from toolchain.stack.pulumi import STACK, Pulumi

CONFIG = paths.CHECKOUT / f"Pulumi.{STACK}.yaml"


class NotUpError(Exception):
    """The command needs what `make up` brings."""


@dataclass(frozen=True)
class Prepared:
    """A machine and the way to run pulumi on it."""

    machine: Machine
    pulumi: Pulumi

    @property
    def kubeconfig(self) -> Path | None:
        """The kubeconfig of the cluster that we started, or None for one of the user's own."""
        return self.pulumi.environment.kubeconfig


def this_machine() -> Machine:
    """Which kind this machine is."""
    return choose(CONFIG, can_run_node=why_no_node())


def existing(machine: Machine) -> StackEnvironment:
    """The environment on a machine that has Pulumi and a cluster."""
    state = paths.state_dir()
    kubeconfig = state / "context.yaml"
    assert machine.context is not None  # noqa: S101  # an existing machine has one
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    # kubectl, pulumi and we take the current context from the first file that names one; the credentials stay
    # where they are.
    kubeconfig.write_text(f"apiVersion: v1\nkind: Config\ncurrent-context: {machine.context.name}\n")
    environment = StackEnvironment(project=paths.CHECKOUT, state=state, engine=None)
    environment.make_files()
    return environment


def overlay(environment: StackEnvironment) -> str:
    """KUBECONFIG for a cluster of the user's own: the chosen context before the user's files."""
    theirs = os.environ.get("KUBECONFIG") or str(Path("~/.kube/config").expanduser())
    return os.pathsep.join([str(environment.state / "context.yaml"), theirs])


def prepared() -> Prepared:
    """The stack's environment as `make up` left it.

    Raises:
        NotUpError: `make up` has not run on this machine, or not to its end.
    """
    machine = this_machine()
    if machine.kind is Kind.EXISTING:
        environment = existing(machine)
        pulumi = Pulumi(environment)
        pulumi.variables["KUBECONFIG"] = overlay(environment)
        return Prepared(machine, pulumi)
    names = (*catalog.PULUMI_TOOLS, "kubectl")
    builder = Builder(catalogue=Catalogue())
    lacking = builder.missing(names)
    if lacking:
        raise NotUpError(f"{', '.join(lacking)} are not built yet: run `make up` (or `make build`)")
    with builder:
        builder.start(names)
        tools = builder.wait_for(names)
    return Prepared(machine, Pulumi(local.stack_environment(tools, local.known_node().layout.kubeconfig)))
