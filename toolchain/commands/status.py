"""``make status``: what runs, where, what is wrong with it and what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from lightkube.config.client_adapter import Client, ConnectionParams
from rich.console import Console
from rich.table import Table

from components.kube_context import KubeContextError
from ollama import OllamaError, observe
from toolchain import local
from toolchain.machine import Kind
from toolchain.node.status import ComponentStatus
from toolchain.reduced import bring as reduced
from toolchain.session import NotUpError, Session
from toolchain.stack import reach
from toolchain.stack.pulumi import Pulumi, PulumiError
from toolchain.stack.target import Server, servers
from toolchain.status.diagnose import Problem, claim_problems, node_problems, pod_problems

_LIMIT_S = 10
# What the pods of a node that was just started need to settle.
_BOOT_S = 60.0
_SHOWN_DIGEST = 12


def status(console: Console) -> int:
    """Show it all; 0 when nothing is wrong."""
    session = Session.load()
    if session is None:
        console.print("Nothing is up in this checkout. Run [bold]make up[/bold].")
        return 1
    problems: list[Problem] = []
    if session.kind is Kind.NODE:
        problems += _node(console)
    elif session.kind is Kind.REDUCED:
        problems += _reduced(console)
    try:
        pulumi = session.pulumi()
        outputs = pulumi.outputs() if pulumi.exists() else {}
    except (PulumiError, NotUpError) as error:
        problems.append(Problem("stack", str(error), "run `make up`"))
    else:
        problems += _cluster(console, session, pulumi)
        problems += _models(console, pulumi, outputs)
    _show_problems(console, problems)
    return 1 if problems else 0


def _parts(console: Console, title: str, components: Iterable[ComponentStatus]) -> None:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in ("part", "state", "process", "restarts", "for"):
        table.add_column(column)
    for part in components:
        state = "[green]well[/green]" if part.healthy else "[red]sick[/red]"
        age = "" if part.age_s is None else f"{part.age_s:.0f} s"
        table.add_row(part.name, state, str(part.pid if part.pid is not None else "-"), str(part.restarts), age)
    if table.row_count:
        console.print(table)
        console.print()


def _node(console: Console) -> list[Problem]:
    found = local.known_node().status()
    _parts(console, f"Local node, API server {found.api_url}", found.components)
    return [Problem("node", text, "`make up` mends it") for text in found.problems]


def _reduced(console: Console) -> list[Problem]:
    found = reduced.of_checkout().status()
    _parts(console, f"Reduced cluster, Ollama {found.ollama_url}", found.components)
    return [Problem("reduced cluster", text, "`make up` mends it") for text in found.problems]


def _cluster(console: Console, session: Session, pulumi: Pulumi) -> list[Problem]:
    try:
        context = reach.kube_context(pulumi)
        params = ConnectionParams(timeout=httpx.Timeout(_LIMIT_S), trust_env=not context.on_loopback)
        with Client(context.config, params) as api:
            pods, claims, nodes = (
                _list(api, path) for path in ("/api/v1/pods", "/api/v1/persistentvolumeclaims", "/api/v1/nodes")
            )
    except (KubeContextError, httpx.HTTPError) as error:
        return [Problem("cluster", f"does not answer: {error}", "`make up` mends a local one")]
    table = Table(title="Pods", title_justify="left", box=None, pad_edge=False)
    for column in ("namespace", "pod", "state", "ready", "restarts", "node"):
        table.add_column(column)
    for pod in pods:
        found = pod.get("status", {})
        containers = found.get("containerStatuses", [])
        ready = sum(bool(one.get("ready")) for one in containers)
        restarts = sum(int(one.get("restartCount", 0)) for one in containers)
        metadata = pod["metadata"]
        table.add_row(
            metadata["namespace"],
            metadata["name"],
            str(found.get("phase", "")),
            f"{ready}/{len(pod['spec']['containers'])}",
            str(restarts),
            str(pod["spec"].get("nodeName", "-")),
        )
    console.print(table)
    console.print()
    return [*node_problems(nodes), *pod_problems(pods, _restarts_count_from(session)), *claim_problems(claims)]


def _restarts_count_from(session: Session) -> datetime:
    """An hour back; on the local node not before it was up, since each of its starts restarts every container."""
    now = datetime.now(UTC)
    since = now - timedelta(hours=1)
    if session.kind is Kind.NODE:
        ages = [part.age_s for part in local.known_node().status().components if part.age_s is not None]
        since = max(since, now - timedelta(seconds=max(ages, default=0.0) - _BOOT_S))
    return since


def _list(api: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = api.get(path)
    answer.raise_for_status()
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def _models(console: Console, pulumi: Pulumi, outputs: Mapping[str, Any]) -> list[Problem]:
    deployed = servers(outputs)
    if not any(server.models for server in deployed):
        console.print("No model is deployed.\n")
        return []
    table = Table(title="Models", title_justify="left", box=None, pad_edge=False)
    for column in ("server", "model", "replica", "deployed", "found"):
        table.add_column(column)
    problems: list[Problem] = []
    namespace = str(outputs.get("namespace", ""))
    for server in deployed:
        found = asyncio.run(_observed(pulumi, server, namespace))
        for model, replicas in server.models.items():
            for replica, digest in replicas.items():
                now = found.get((replica, model), "")
                mark = "green" if now == digest else "red"
                shown = _short(now) if now.startswith("sha256:") else now
                table.add_row(server.name, model, replica, _short(digest), f"[{mark}]{shown}[/{mark}]")
                if now != digest:
                    todo = f"make pulumi ARGS='up --refresh --yes -s {pulumi.stack}'"
                    problems.append(Problem(f"{replica}, model {model}", f"deployed {digest}, found {now}", todo))
    console.print(table)
    console.print()
    return problems


async def _observed(pulumi: Pulumi, server: Server, namespace: str) -> dict[tuple[str, str], str]:
    """Replica and model to the digest that is there, or to what stands in the way of knowing."""
    found: dict[tuple[str, str], str] = {}
    async with reach.replicas(pulumi, server, namespace) as client_of:
        for model, replicas in server.models.items():
            for replica in replicas:
                try:
                    async with asyncio.timeout(_LIMIT_S):
                        state = await observe(client_of(replica), model)
                except (OllamaError, TimeoutError) as error:
                    found[replica, model] = f"unknown: {error or 'no answer in time'}"
                else:
                    found[replica, model] = "missing" if state is None else state.digest
    return found


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:_SHOWN_DIGEST]


def _show_problems(console: Console, problems: list[Problem]) -> None:
    if not problems:
        console.print("[green]Nothing is wrong.[/green]")
        return
    console.print(f"[bold red]{len(problems)} wrong:[/bold red]")
    for problem in problems:
        console.print(f"  {problem.where}: {problem.what}", markup=False, soft_wrap=True)
        console.print(f"    to do: {problem.todo}", markup=False, soft_wrap=True)
