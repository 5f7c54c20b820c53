"""`echorator pin`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.commands import options


def pin(
    *,
    registry: Annotated[
        str | None, typer.Option(help="URL of a mirror that has all images; each image's own registry by default.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail where a tag has moved.")] = False,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Write the digests of the images that the stack runs into its file, as its registry has them now."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import pin as pinning  # noqa: PLC0415
        from cli import place  # noqa: PLC0415

        pinning.pin(place.find(stack, config_file), registry, output, check=check)
