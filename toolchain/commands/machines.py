"""What a machine of each kind is given, and the session that comes of it."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from components.kube_context import KubeContext, kubeconfig_paths, minified
from toolchain import catalog, extras, local, paths
from toolchain.build import progress, pulumi_source
from toolchain.build.builder import Builder
from toolchain.build.found import kubectl
from toolchain.build.pulumi_source import PulumiKind, PulumiSource
from toolchain.machine import Kind, Machine, choose
from toolchain.preflight import check, why_no_node
from toolchain.reduced import bring as reduced
from toolchain.reduced.stack import STACK as REDUCED_STACK
from toolchain.session import Session
from toolchain.stack import engine
from toolchain.stack.pulumi import STACK

CONFIG = paths.CHECKOUT / f"Pulumi.{STACK}.yaml"
# What a cold build needs at its peak (docs/toolchain.md).
BUILD_GB = 20.0


def this_machine() -> Machine:
    """Which kind this machine is."""
    return choose(CONFIG, can_run_node=why_no_node())


def bring_existing(context: KubeContext) -> Session:
    """Use the Pulumi and the cluster that are there; nothing is installed."""
    state = paths.state_dir()
    state.mkdir(parents=True, exist_ok=True, mode=0o700)
    # One file of the chosen context alone: it need not be the current one, and the Kubernetes provider does not
    # understand a KUBECONFIG that joins several files.
    kubeconfig = state / "kubeconfig"
    paths_read = [path for path in kubeconfig_paths() if path.is_file()]
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(yaml.safe_dump(minified(context.name, paths=paths_read)))
    return Session(
        kind=Kind.EXISTING,
        stack=STACK,
        engine=None,
        own_home=False,
        tools=(),
        kubeconfig=str(kubeconfig),
    )


_TOOLS: Mapping[Kind, tuple[str, ...]] = {Kind.NODE: local.CLUSTER_TOOLS, Kind.REDUCED: catalog.REDUCED_TOOLS}


@contextmanager
def _building(kind: Kind, further: tuple[str, ...] = ()) -> Generator[tuple[Builder, tuple[str, ...], PulumiSource]]:
    """A builder that was started with all that a cluster of ours and its stack need."""
    source = pulumi_source.choose(reporter=progress.reporter(), home=_pulumi_home())
    if source.kind is not PulumiKind.BUILD:
        progress.reporter().line(source.reason)
    theirs = kubectl()
    names = tuple(dict.fromkeys((*_TOOLS[kind], "kubectl", *source.to_build, *further)))
    with Builder(provided={"kubectl": theirs} if theirs is not None else None) as builder:
        check(kind, build_gb=BUILD_GB if builder.missing(names) else 0.0)
        builder.start(names)
        yield builder, names, source


def build_tools(kind: Kind) -> None:
    """Build what is missing."""
    further = extras.tools(extras.wanted(CONFIG)) if kind is Kind.NODE else ()
    with _building(kind, further) as (builder, names, _):
        builder.wait_for(names)


def bring_node(wanted: frozenset[extras.Extra] | None = None) -> Session:
    """Build what is missing, start or mend the node and fill its registry.

    Args:
        wanted: what else is to be there; None: what the stack's configuration asks for.
    """
    chosen = extras.wanted(CONFIG) if wanted is None else wanted
    with _building(Kind.NODE, extras.tools(chosen)) as (builder, names, source):
        node = local.LocalCluster(builder, wanted=chosen).up()
        tools = builder.wait_for(names)
    return _session(Kind.NODE, STACK, tools, source, node.layout.kubeconfig)


def bring_engine() -> tuple[Session, catalog.Tools]:
    """Build what is missing for the reduced mode and put the engine together; no process is started.

    Returns:
        A session without a cluster, and the tools.
    """
    with _building(Kind.REDUCED) as (builder, names, source):
        # All at once: KWOK, without which no node is Ready, is the last that is built.
        tools = builder.wait_for(names)
    return _session(Kind.REDUCED, REDUCED_STACK, tools, source, Path(os.devnull)), tools


def bring_reduced() -> Session:
    """Build what is missing, start or mend the processes of the reduced mode."""
    session, tools = bring_engine()
    return session.model_copy(update={"kubeconfig": str(reduced.up(tools).kubeconfig)})


def _session(kind: Kind, stack: str, tools: catalog.Tools, source: PulumiSource, kubeconfig: Path) -> Session:
    if source.cli is None:
        folder = engine.assemble(tools, paths.state_dir() / "pulumi" / "engine")
    else:
        folder = source.cli.parent
    engine.install_plugins(tools, _pulumi_home(), [name for name in source.to_build if name in engine.PLUGINS])
    return Session(
        kind=kind,
        stack=stack,
        engine=folder,
        own_home=True,
        tools=(tools.path("kubectl").parent,),
        kubeconfig=str(kubeconfig),
    )


def _pulumi_home() -> Path:
    return paths.state_dir() / "pulumi" / "home"
