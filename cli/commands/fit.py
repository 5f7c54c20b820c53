"""`echorator fit`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.commands import options

Gguf = Annotated[
    Path | None, typer.Option("--gguf", help="Print the facts of this GGUF file, to be put into the settings.")
]


def fit(
    *,
    gguf: Gguf = None,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Show what memory each model needs, and whether its class or GPU pool has it. Talks to no cluster."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import fitting, place  # noqa: PLC0415

        if gguf is not None:
            fitting.show_facts(gguf, output)
        else:
            raise typer.Exit(int(fitting.show(place.find(stack, config_file), output)))
