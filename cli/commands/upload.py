"""`echorator upload`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.commands import options


def upload(
    path: Annotated[Path, typer.Argument(exists=True, help="A GGUF file, or a folder with one.")],
    name: Annotated[str, typer.Argument(help="Its name in the store, such as team/assistant:2.")],
    *,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    as_json: options.Json = False,
) -> None:
    """Bring a private model from this machine into the model store."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import place  # noqa: PLC0415
        from cli import upload as uploading  # noqa: PLC0415

        uploading.upload(place.find(stack, config_file), path, name, output)
