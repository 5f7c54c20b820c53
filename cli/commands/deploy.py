"""`echorator deploy`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from cli.commands import options

Exposure = Literal["ClusterIP", "NodePort", "LoadBalancer"]
SizeClass = Literal["small", "medium", "large", "echo"]


def deploy(
    model: Annotated[str, typer.Argument(help="Its name for clients, such as smollm2:135m.")],
    *,
    server: Annotated[str | None, typer.Option(help="Which server; the only one by default. Made if new.")] = None,
    source: Annotated[str | None, typer.Option(help="What is pulled, where it is not MODEL itself.")] = None,
    digest: Annotated[str | None, typer.Option(help="The only digest that is right: sha256:…")] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Pin the digest that was deployed.")] = False,
    replicas: Annotated[int | None, typer.Option(min=0, help="How many replicas the server has.")] = None,
    size: Annotated[
        SizeClass | None, typer.Option("--class", help="Size of each replica; small for a new server.")
    ] = None,
    cpu: Annotated[str | None, typer.Option(help="Of each replica, such as 2 or 500m; instead of a class.")] = None,
    memory: Annotated[str | None, typer.Option(help="Of each replica, such as 4Gi; instead of a class.")] = None,
    storage: Annotated[str | None, typer.Option(help="Of each replica's volume, such as 20Gi.")] = None,
    storage_class: Annotated[str | None, typer.Option(help="Of the server's volumes.")] = None,
    preload: Annotated[
        bool | None, typer.Option("--preload/--no-preload", help="Load it before the replica takes traffic.")
    ] = None,
    alias: Annotated[list[str] | None, typer.Option(help="A further name; may be repeated.")] = None,
    expose: Annotated[Exposure | None, typer.Option(help="How the server is reached.")] = None,
    source_range: Annotated[
        list[str] | None, typer.Option(help="Who may use a NodePort or LoadBalancer; may be repeated.")
    ] = None,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    skip_preview: options.SkipPreview = False,
    as_json: options.Json = False,
) -> None:
    """Put MODEL on every replica of a server; the server is made where there is none."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import actions, edits, place  # noqa: PLC0415
        from cli.change import Manner  # noqa: PLC0415
        from cli.exits import UsageError  # noqa: PLC0415

        if digest is not None and pin:
            raise UsageError("--digest and --pin exclude each other", "--pin takes the digest that the replicas get")
        if size is not None and (cpu is not None or memory is not None):
            raise UsageError("--class and --cpu or --memory exclude each other", "a class has its own numbers")
        wish = edits.Deploy(
            model=model,
            server=server,
            source=source,
            digest=digest,
            replicas=replicas,
            size=size,
            cpu=cpu,
            memory=memory,
            storage=storage,
            preload=preload,
            aliases=tuple(alias or ()),
            storage_class=storage_class,
            expose=expose,
            source_ranges=tuple(source_range or ()),
        )
        manner = Manner(yes=yes, dry_run=dry_run, skip_preview=skip_preview)
        actions.deploy(place.find(stack, config_file), wish, manner, output, pin=pin)
