"""`echorator list` and `echorator status`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.commands import options


def models(
    *, stack: options.Stack = None, config_file: options.ConfigFile = None, as_json: options.Json = False
) -> None:
    """List the models: where each comes from, which replicas have it, how large it is."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import actions, place  # noqa: PLC0415

        actions.show_models(place.find(stack, config_file), output)


def status(
    *,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look every 2 s until Ctrl-C; JSON by line.")] = False,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Show servers and replicas with their phases, what is wrong and what to do."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import actions, place  # noqa: PLC0415

        raise typer.Exit(int(actions.status(place.find(stack, config_file), output, watch=watch)))
