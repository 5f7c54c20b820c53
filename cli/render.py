"""The tables and JSON documents of `list` and `status`, and the lines of a change. Pure: data in, renderables out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli.phases import Phase
from cli.view import Model, Replica, Server, View

_COLOURS: Mapping[str, str] = {
    Phase.READY: "green",
    Phase.FAILED: "bold red",
    Phase.TERMINATING: "dim",
    "Unknown": "dim",
    "Retrying": "yellow",
}
_WORKING = "cyan"
_DIGEST_SHOWN = 12
_SIGNS = {"create": "+", "delete": "-", "update": "~", "replace": "±", "import": "=", "discard": "-"}
_SIGN_COLOURS = {"+": "green", "-": "red", "~": "yellow", "±": "magenta"}


def size(count: int) -> str:
    """Bytes as a person reads them; powers of 1000, as Ollama shows them."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"


def short(digest: str | None) -> str:
    """The digits of a digest that `ollama list` shows."""
    return "-" if digest is None else digest.removeprefix("sha256:")[:_DIGEST_SHOWN]


def models_table(view: View) -> RenderableType:
    """`echorator list`."""
    rows = [(server, model) for server in view.servers for model in server.models]
    if not rows:
        return Text(f"No model is configured in stack {view.stack}. Add one: echorator deploy MODEL")
    table = _table("server", "model", "source", "digest", "on", "size", "phase")
    for server, model in rows:
        have = sum(digest is not None for digest in model.found.values())
        table.add_row(
            server.name,
            model.name,
            model.source or "",
            short(model.wanted),
            f"{have}/{len(model.found)}",
            size(model.size) if model.size else "-",
            _coloured(phase_of(model)),
        )
    return table


def servers_table(view: View) -> RenderableType:
    """`echorator status`: servers, their replicas, and what is wrong."""
    if not view.servers:
        return Text(f"No server is configured in stack {view.stack}. Add one: echorator deploy MODEL")
    table = _table("server", "replica", "phase", "models", "restarts", "why")
    for server in view.servers:
        ready = sum(one.state.phase is Phase.READY for one in server.replicas)
        table.add_row(
            server.name, f"{ready}/{server.wanted} Ready", _coloured(server.state.phase), "", "", server.state.why
        )
        if server.url is None:
            for one in server.replicas:
                table.add_row(
                    "",
                    one.name,
                    _coloured(one.state.phase),
                    _models_there(server, one),
                    str(one.restarts),
                    one.state.why,
                )
    return Group(table, *_problem_lines(view))


def models_document(view: View) -> dict[str, Any]:
    """`echorator list --json`."""
    return {
        "stack": view.stack,
        "namespace": view.namespace,
        "servers": [{"name": one.name, "models": [_model(model) for model in one.models]} for one in view.servers],
    }


def status_document(view: View) -> dict[str, Any]:
    """`echorator status --json`."""
    return {
        "stack": view.stack,
        "namespace": view.namespace,
        "servers": [
            {
                "name": one.name,
                "phase": one.state.phase.value,
                "why": one.state.why,
                "url": one.url,
                "wanted": one.wanted,
                "ready": sum(replica.state.phase is Phase.READY for replica in one.replicas),
                "replicas": [_replica(replica, one.models) for replica in one.replicas],
            }
            for one in view.servers
        ],
        "problems": [{"where": one.where, "what": one.what, "todo": one.todo} for one in view.problems],
    }


def phase_of(model: Model) -> str:
    """The phase of a model over all replicas: the one that is worst or furthest back."""
    order = ("Failed", "Retrying", "Unknown", "Pending", "Pulling", "Creating", "Verifying", "Loading", "Ready")
    return min(model.phases.values(), key=order.index, default="Unknown")


def diff_lines(lines: Iterable[str]) -> Text:
    """A unified diff, coloured."""
    text = Text()
    for line in lines:
        style = "green" if line.startswith("+") else "red" if line.startswith("-") else ""
        head = line.startswith(("+++", "---", "@@"))
        text.append(f"{line}\n", style="dim" if head else style)
    text.rstrip()
    return text


def step_line(op: str, kind: str, name: str, keys: Sequence[str] = ()) -> Text:
    """One resource that changes."""
    sign = _SIGNS.get(op.partition("-")[0], "?")
    text = Text(f"{sign} ", style=_SIGN_COLOURS.get(sign, ""))
    text.append(f"{op:<8} {kind} {name}", style="default")
    if keys and op == "update":
        text.append(f"  ({', '.join(keys)})", style="dim")
    return text


def counts(changes: Mapping[str, int]) -> str:
    """`3 to create, 1 to update`; `nothing to change`."""
    return ", ".join(f"{count} to {op}" for op, count in changes.items()) or "nothing to change"


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", justify="right" if column in ("on", "size", "restarts") else "left")
    return table


def _coloured(phase: str) -> Text:
    return Text(str(phase), style=_COLOURS.get(phase, _WORKING))


def _models_there(server: Server, replica: Replica) -> str:
    return f"{sum(model.found.get(replica.name) is not None for model in server.models)}/{len(server.models)}"


def _problem_lines(view: View) -> list[Text]:
    if not view.problems:
        return []
    lines = [Text(f"\n{len(view.problems)} wrong:", style="bold red")]
    for problem in view.problems:
        lines.append(Text(f"  {problem.where}: {problem.what}"))
        if problem.todo:
            lines.append(Text(f"    to do: {problem.todo}"))
    return lines


def _model(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "source": model.source,
        "digest": model.wanted,
        "phase": phase_of(model),
        "sizeBytes": model.size,
        "replicas": [
            {"name": name, "phase": model.phases.get(name, "Unknown"), "digest": digest}
            for name, digest in model.found.items()
        ],
    }


def _replica(replica: Replica, models: Sequence[Model]) -> dict[str, Any]:
    report = replica.report
    return {
        "name": replica.name,
        "phase": replica.state.phase.value,
        "why": replica.state.why,
        "restarts": replica.restarts,
        "inFlight": None if report is None else report.in_flight,
        "ollamaVersion": None if report is None else report.ollama_version,
        "models": [
            {"name": one.name, "phase": one.phases.get(replica.name, "Unknown"), "digest": one.found.get(replica.name)}
            for one in models
        ],
    }
