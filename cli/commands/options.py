"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Stack = Annotated[
    str | None,
    typer.Option("--stack", "-s", help="Which stack; the one of `make up` by default.", envvar="ECHORATOR_STACK"),
]
ConfigFile = Annotated[
    Path | None, typer.Option("--config-file", help="The stack's file, where it is not Pulumi.STACK.yaml.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output, all else on standard error.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the change and the preview, and stop there.")]
SkipPreview = Annotated[bool, typer.Option("--skip-preview", help="Deploy without a preview before.")]
