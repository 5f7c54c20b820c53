"""``make up``: from whatever this machine is to a model that answers."""

from __future__ import annotations

from rich.console import Console

from toolchain.build import progress
from toolchain.commands.ask import ask
from toolchain.commands.machines import bring_existing, bring_node, bring_reduced, build_tools, this_machine
from toolchain.machine import Kind, Machine
from toolchain.session import Session

QUESTION = "What is the capital of France?"


def bring(machine: Machine) -> Session:
    """Bring tools and cluster for this kind of machine; the stack is not touched yet."""
    if machine.kind is Kind.EXISTING and machine.context is not None:
        session = bring_existing(machine.context)
    elif machine.kind is Kind.NODE:
        session = bring_node()
    else:
        session = bring_reduced()
    session.save()
    return session


def build() -> None:
    """Only build what this machine lacks for the local cluster; on a machine that has all, nothing."""
    machine = this_machine()
    progress.reporter().line(f"machine: {machine.kind.value}: {machine.why}")
    if machine.kind is not Kind.EXISTING:
        build_tools(machine.kind)


def up() -> None:
    """Bring everything up and show that it answers."""
    console = Console(highlight=False)
    machine = this_machine()
    progress.reporter().line(f"machine: {machine.kind.value}: {machine.why}")
    pulumi = bring(machine).pulumi()
    pulumi.init()
    pulumi.up()
    console.print(f"\n[bold]{QUESTION}[/bold]")
    ask(pulumi, QUESTION, console=console)
    console.print('\nAsk the next one:  [bold]make ask Q="..."[/bold]     What runs:  [bold]make status[/bold]')
