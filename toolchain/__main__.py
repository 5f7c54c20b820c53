"""The command line behind the Makefile: ``python -m toolchain COMMAND``."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from components.kube_context import KubeContextError
from ollama import OllamaError
from toolchain import extras
from toolchain.build.failures import BuildError
from toolchain.commands import ask as asking
from toolchain.commands import down as downing
from toolchain.commands import shell as shelling
from toolchain.commands import status as looking
from toolchain.commands import test as testing
from toolchain.commands import up as upping
from toolchain.commands import view as viewing
from toolchain.commands import workflows as linting
from toolchain.images import ImageError
from toolchain.machine import MachineError
from toolchain.models.errors import ModelError
from toolchain.node.errors import NodeError
from toolchain.preflight import PreflightError
from toolchain.session import NotUpError, current
from toolchain.stack.policies import PolicyError
from toolchain.stack.pulumi import PulumiError

# What a person can do something about: said in its own words, without a traceback.
EXPECTED = (
    BuildError,
    ImageError,
    KubeContextError,
    MachineError,
    ModelError,
    NodeError,
    NotUpError,
    OllamaError,
    PolicyError,
    PreflightError,
    PulumiError,
)
INTERRUPTED = 130

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


@app.command()
def up() -> None:
    """Bring tools, cluster, images, models and the dev stack, and ask a first question."""
    upping.up()


@app.command()
def build() -> None:
    """Only build what this machine lacks."""
    upping.build()


@app.command()
def ask(
    question: Annotated[str, typer.Argument(envvar="ECHORATOR_QUESTION", help="What to ask.")] = upping.QUESTION,
    model: Annotated[str | None, typer.Option(help="Which model; the first that can chat by default.")] = None,
    space: Annotated[
        str | None, typer.Option(envvar="ECHORATOR_SPACE", help="Of memories; the key's own by default.")
    ] = None,
) -> None:
    """Ask the echo service, or else a deployed model; the answer is streamed."""
    asking.ask(
        current().pulumi(),
        question or upping.QUESTION,
        model=model,
        space=space or None,
        console=Console(highlight=False),
    )


@app.command()
def view(
    port: Annotated[int, typer.Option(min=0, max=65535, help="On this machine; 0 takes a free one.")] = 5000,
) -> None:
    """Open a way to the live view, and say where it is."""
    viewing.view(current().pulumi(), port=port, console=Console(highlight=False))


@app.command()
def status() -> None:
    """What runs, where, what is wrong with it and what to do."""
    raise typer.Exit(looking.status(Console(highlight=False)))


@app.command()
def down(
    *, purge: Annotated[bool, typer.Option(help="Also forget disks, keys and the stack's record.")] = False
) -> None:
    """Destroy the stack, stop the cluster, leave nothing behind."""
    downing.down(purge=purge)


@app.command()
def shell() -> None:
    """Open a shell where pulumi and kubectl work on the stack."""
    raise typer.Exit(shelling.shell())


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
def pulumi(context: typer.Context) -> None:
    """Run one pulumi command in the stack's environment."""
    raise typer.Exit(shelling.run_pulumi(context.args))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def test(context: typer.Context) -> None:
    """Run every test; starts the local cluster if it does not run, and then stops it again."""
    raise typer.Exit(testing.test(context.args))


@app.command()
def workflows() -> None:
    """Check the workflows of .github with actionlint."""
    raise typer.Exit(linting.workflows())


@app.command()
def faults() -> None:
    """Run the slow fault runs of docs/reliability.md."""
    raise typer.Exit(testing.test(["tests/faults", "-s", "-q"]))


_DRILLS = {
    "tests/drill": {extras.Extra.MONITORING},
    "tests/memory_store": {extras.Extra.MEMORY},
    "tests/traces": {extras.Extra.TRACES},
    "tests/drill_memory": {extras.Extra.MONITORING, extras.Extra.MEMORY},
}
"""Folder to what must be drilled for it to be run."""


@app.command()
def drill(of: Annotated[list[extras.Extra] | None, typer.Argument(help="Of what; all by default.")] = None) -> None:
    """Break things on the local cluster, and see what the stack does about it; builds what that needs first."""
    chosen = frozenset(of or extras.Extra)
    # A trace that goes through a memory needs one, and its collector stands beside the monitoring.
    wanted = extras.ALL if extras.Extra.TRACES in chosen else chosen
    folders = [folder for folder, needed in _DRILLS.items() if needed <= chosen]
    raise typer.Exit(testing.test([*folders, "-s", "-q"], wanted))


@app.command()
def bench() -> None:
    """Measure the figures of docs/figures.md, side by side in one run."""
    policies = "tests/policies/test_pack.py::test_a_thousand_resources_take_less_than_two_seconds"
    raise typer.Exit(testing.test(["tests/bench", policies, "-s", "-q", "--timeout=1500"]))


def main() -> None:
    """Run the command; an expected failure ends with its message and exit code 1."""
    try:
        app()
    except EXPECTED as error:
        Console(stderr=True, highlight=False).print(f"[bold red]error:[/bold red] {_escaped(error)}", soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted; what is finished is kept, the next run goes on from there\n")
        # The builds' threads wait for their compilers, which the same Ctrl-C has ended already.
        sys.stderr.flush()
        os._exit(INTERRUPTED)


def _escaped(error: Exception) -> str:
    return str(error).replace("[", r"\[")


if __name__ == "__main__":
    main()
