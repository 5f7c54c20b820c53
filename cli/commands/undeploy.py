"""`echorator undeploy`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.commands import options


def undeploy(
    model: Annotated[str | None, typer.Argument(help="The model; without it the whole --server goes.")] = None,
    *,
    server: Annotated[str | None, typer.Option(help="Which server has it.")] = None,
    keep_model: Annotated[
        bool, typer.Option("--keep-model", help="Leave the model on the replicas; it is only no longer looked after.")
    ] = False,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    skip_preview: options.SkipPreview = False,
    as_json: options.Json = False,
) -> None:
    """Take MODEL off its server, or with --server alone the server and its volumes."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import actions, place  # noqa: PLC0415
        from cli.change import Manner  # noqa: PLC0415
        from cli.exits import UsageError  # noqa: PLC0415

        if model is None and server is None:
            raise UsageError("say what goes", "echorator undeploy MODEL, or echorator undeploy --server SERVER")
        if model is None and keep_model:
            raise UsageError("--keep-model needs a MODEL", "a server's models lie on its volumes and go with them")
        manner = Manner(yes=yes, dry_run=dry_run, skip_preview=skip_preview)
        actions.undeploy(place.find(stack, config_file), model, server, manner, output, keep_model=keep_model)
