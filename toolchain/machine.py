"""Which of the three kinds of machine this is, and which cluster the dev stack goes to."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from components.kube_context import KubeContext, KubeContextError, kubeconfig_paths, load
from toolchain.build import found

VARIABLE = "ECHORATOR_MACHINE"


class Kind(StrEnum):
    """The three kinds."""

    EXISTING = "existing"
    """Pulumi and a cluster are there; nothing is installed."""
    NODE = "node"
    """Bare and root: the tools are built, a node is started."""
    REDUCED = "reduced"
    """No root or no namespaces: a control plane without containers, Ollama as a plain process."""


@dataclass(frozen=True)
class Machine:
    """What was found.

    Attributes:
        kind: how `make up` goes about it.
        why: one sentence for the user.
        context: the cluster's context for ``existing``, else None.
    """

    kind: Kind
    why: str
    context: KubeContext | None = None


class MachineError(Exception):
    """The choice that was made by hand cannot be carried out here; says why."""


def configured_context(config: Path) -> str | None:
    """The context that a stack's configuration names, or None."""
    if not config.is_file():
        return None
    content: dict[str, Any] = yaml.safe_load(config.read_text()) or {}
    values: dict[str, Any] = content.get("config") or {}
    cluster: dict[str, Any] = values.get("echorator:cluster") or {}
    context = cluster.get("context")
    return None if context is None else str(context)


def local_context(config: Path, environment: Mapping[str, str] = os.environ) -> KubeContext | None:
    """The cluster for the dev stack: the context that the configuration names, or the only local one.

    Raises:
        KubeContextError: the configuration names one that is not there.
    """
    paths = [path for path in kubeconfig_paths(environment=environment) if path.is_file()]
    named = configured_context(config)
    if named is not None:
        return load(named, paths=paths)
    local: list[KubeContext] = []
    for path in paths:
        content: dict[str, Any] = yaml.safe_load(path.read_text()) or {}
        entries: list[dict[str, Any]] = content.get("contexts") or []
        for entry in entries:
            try:
                context = load(str(entry["name"]), paths=paths)
            except KubeContextError:
                # An entry without its cluster or user is of no use to anyone; kubectl passes over it too.
                continue
            if context.is_local:
                local.append(context)
    return local[0] if len(local) == 1 else None


def choose(config: Path, *, can_run_node: str | None, environment: Mapping[str, str] = os.environ) -> Machine:
    """Decide how to go about it.

    Args:
        config: the stack's configuration file.
        can_run_node: None if this machine can run the local node, else why not.
        environment: ``ECHORATOR_MACHINE`` in it overrules what is found.

    Raises:
        MachineError: the overruling choice is unknown or impossible.
        KubeContextError: the configuration names a context that is not there.
    """
    wished = environment.get(VARIABLE)
    if wished is not None and wished not in {kind.value for kind in Kind}:
        raise MachineError(f"{VARIABLE} is {wished!r}: legal are {', '.join(kind.value for kind in Kind)}")
    pulumi = found.pulumi() if shutil.which("pulumi-language-python") is not None else None
    context = local_context(config, environment) if wished in (None, Kind.EXISTING) else None
    if wished in (None, Kind.EXISTING) and context is not None and pulumi is not None:
        return Machine(Kind.EXISTING, f"pulumi {pulumi[1]} and the cluster of context {context.name} are used", context)
    if wished == Kind.EXISTING:
        needed = "a release of Pulumi on PATH, not older than the pinned SDK"
        if pulumi is not None:
            needed = f"one local kube context, or one named in {config.name} (echorator:cluster, context)"
        raise MachineError(f"{VARIABLE}=existing needs {needed}")
    if wished in (None, Kind.NODE) and can_run_node is None:
        return Machine(Kind.NODE, "no cluster is named, so a node is started on this machine")
    if wished == Kind.NODE:
        raise MachineError(f"{VARIABLE}=node cannot be: {can_run_node}")
    return Machine(Kind.REDUCED, f"{can_run_node or f'{VARIABLE} says so'}: a control plane without containers")
