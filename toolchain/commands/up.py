"""``make up``: from whatever this machine is to a model that answers."""

from __future__ import annotations

from rich.console import Console

from toolchain import local
from toolchain.build import progress
from toolchain.build.builder import Builder
from toolchain.commands.ask import ask
from toolchain.commands.machines import existing, overlay, this_machine
from toolchain.machine import Kind, Machine
from toolchain.preflight import check
from toolchain.stack.pulumi import Pulumi

QUESTION = "What is the capital of France?"


def bring(machine: Machine) -> Pulumi:
    """Bring tools and cluster for this kind of machine; the stack is not touched yet."""
    if machine.kind is Kind.EXISTING:
        environment = existing(machine)
        pulumi = Pulumi(environment)
        pulumi.variables["KUBECONFIG"] = overlay(environment)
        return pulumi
    check(machine.kind)
    with Builder() as builder:
        builder.start(local.ALL_TOOLS)
        node = local.LocalCluster(builder).up()
        tools = builder.wait_for(local.ALL_TOOLS)
    return Pulumi(local.stack_environment(tools, node.layout.kubeconfig))


def up() -> None:
    """Bring everything up and show that it answers."""
    console = Console(highlight=False)
    machine = this_machine()
    progress.reporter().line(f"machine: {machine.kind.value}: {machine.why}")
    pulumi = bring(machine)
    pulumi.init()
    pulumi.up()
    console.print(f"\n[bold]{QUESTION}[/bold]")
    ask(pulumi, QUESTION, console=console)
    console.print('\nAsk the next one:  [bold]make ask Q="..."[/bold]     What runs:  [bold]make status[/bold]')
