"""`echorator backup`, `echorator restore` and `echorator drill`."""

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


def restore(
    *,
    time: Annotated[
        str | None, typer.Option(help="Up to which changes are repeated, RFC 3339; the last archived one by default.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the new store; the next number by default.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Name of the store whose backups are restored; the present one by default.")
    ] = None,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    skip_preview: options.SkipPreview = False,
    as_json: options.Json = False,
) -> None:
    """Begin a new memory store out of a backup, and have services use it; the old one stays beside it."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import place  # noqa: PLC0415
        from cli.change import Manner  # noqa: PLC0415
        from cli.memory import actions  # noqa: PLC0415
        from cli.memory.restores import Wish  # noqa: PLC0415

        manner = Manner(yes=yes, dry_run=dry_run, skip_preview=skip_preview)
        actions.restore(place.find(stack, config_file), Wish(time, name, source), manner, output)


def drill(
    *,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and stop there.")] = False,
    show: Annotated[bool, typer.Option("--list", help="Only show how drills ended.")] = False,
    as_json: options.Json = False,
) -> None:
    """Restore the memory store beside itself, compare the two, say how long it took, and take the copy away."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import place  # noqa: PLC0415
        from cli.memory import actions  # noqa: PLC0415

        raise typer.Exit(int(actions.drill(place.find(stack, config_file), output, dry_run=dry_run, show=show)))
