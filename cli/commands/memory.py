"""`echorator backup` and `echorator drill`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.commands import options


def backup(
    *,
    show: Annotated[bool, typer.Option("--list", help="Only show the backups that there are.")] = False,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Make a full backup of the memory store now, and wait until it is whole."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import place  # noqa: PLC0415
        from cli.memory import actions  # noqa: PLC0415

        actions.backup(place.find(stack, config_file), output, show=show)


def drill(
    *,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop there.")] = False,
    as_json: options.Json = False,
) -> None:
    """Restore the memory store beside itself, compare the two, say how long it took, and take the copy away."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import place  # noqa: PLC0415
        from cli.memory import actions  # noqa: PLC0415

        raise typer.Exit(int(actions.drill(place.find(stack, config_file), output, dry_run=dry_run)))
