"""`echorator expose`."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.commands import options
from cli.commands.deploy import Exposure


def expose(
    server: Annotated[str, typer.Argument(help="Its name in the configuration.")],
    *,
    kind: Annotated[Exposure | None, typer.Option("--type", help="Type of its Service.")] = None,
    node_port: Annotated[int | None, typer.Option(help="30000 to 32767; the cluster's choice by default.")] = None,
    source_range: Annotated[
        list[str] | None, typer.Option(help="An address range that may come in; may be repeated.")
    ] = None,
    from_namespace: Annotated[
        list[str] | None, typer.Option(help="A namespace whose pods may ask it; may be repeated.")
    ] = None,
    ingress_host: Annotated[str | None, typer.Option(help="Host name of an Ingress.")] = None,
    tls_secret: Annotated[str | None, typer.Option(help="Secret with the Ingress's certificate.")] = None,
    class_name: Annotated[str | None, typer.Option(help="Class of the Ingress.")] = None,
    insecure: Annotated[
        bool | None, typer.Option("--insecure/--secure", help="An Ingress without TLS: prompts can be read.")
    ] = None,
    gateway: Annotated[str | None, typer.Option(help="Name of a Gateway that an HTTPRoute joins.")] = None,
    gateway_host: Annotated[str | None, typer.Option(help="Host name of the HTTPRoute.")] = None,
    gateway_namespace: Annotated[str | None, typer.Option(help="Of the Gateway.")] = None,
    section: Annotated[str | None, typer.Option(help="Name of the Gateway's listener.")] = None,
    none: Annotated[bool, typer.Option("--none", help="Reachable from inside the cluster only.")] = False,
    stack: options.Stack = None,
    config_file: options.ConfigFile = None,
    yes: options.Yes = False,
    dry_run: options.DryRun = False,
    skip_preview: options.SkipPreview = False,
    as_json: options.Json = False,
) -> None:
    """Say how SERVER is reached from outside the cluster."""
    from cli.failures import told  # noqa: PLC0415
    from cli.output import Output  # noqa: PLC0415

    output = Output(as_json=as_json)
    with told(output):
        from cli import actions, edits, place  # noqa: PLC0415
        from cli.change import Manner  # noqa: PLC0415
        from cli.exits import UsageError  # noqa: PLC0415

        wish = edits.Expose(
            server=server,
            type=kind,
            node_port=node_port,
            source_ranges=tuple(source_range or ()),
            from_namespaces=tuple(from_namespace or ()),
            ingress_host=ingress_host,
            tls_secret=tls_secret,
            class_name=class_name,
            insecure=insecure,
            gateway_host=gateway_host,
            gateway=gateway,
            gateway_namespace=gateway_namespace,
            section=section,
        )
        if none == (wish != edits.Expose(server=server)):
            raise UsageError("say how", "give at least one of the options, or --none alone; see --help")
        manner = Manner(yes=yes, dry_run=dry_run, skip_preview=skip_preview)
        actions.expose(place.find(stack, config_file), wish, manner, output, none=none)
