"""What `echorator fit` does: the estimate of each model as a table, or the facts in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from rich.table import Table
from rich.text import Text

from cli.exits import CliError, Exit
from cli.output import Output
from cli.place import Place
from cli.stack_file import StackFile
from components import fit_check
from components.fit_check import Fit
from fit import gguf
from fit.room import size

_LOOK_ON = {"fit": {"over": "note", "unknown": "note"}}


def show(place: Place, output: Output) -> Exit:
    """The table; says with its exit code whether a deploy would be refused."""
    settings = StackFile.read(place.config).settings(_LOOK_ON, ask=True)
    found = fit_check.fits(settings)
    output.result({"stack": place.stack, "models": [_document(one) for one in found]})
    if not output.as_json:
        output.console.print(table(found) if found else Text(f"Stack {place.stack} has no model in the cluster."))
        for one in found:
            if one.facts is None:
                output.say(f"{one.path}: {fit_check.unknown(one)}", "yellow")
            if one.verdict is not None and one.verdict.fits is False:
                output.say(f"{one.path}: {fit_check.problem(one)}", "red")
    return Exit.REFUSED if any(one.verdict is not None and one.verdict.fits is False for one in found) else Exit.DONE


def table(found: list[Fit]) -> Table:
    """One row a model."""
    drawn = Table(
        "server", "model", "pool", "weights", "cache", "compute", "needs", "has", "fits", box=None, pad_edge=False
    )
    for one in found:
        verdict = one.verdict
        if verdict is None:
            drawn.add_row(one.server, one.model, one.pool or "-", *["-"] * 5, Text("unknown", style="yellow"))
            continue
        parts = verdict.estimate
        drawn.add_row(
            one.server,
            one.model,
            one.pool or "-",
            *(size(part) for part in (parts.weights, parts.cache, parts.graph)),
            f"{size(verdict.need)} of {verdict.place}",
            "unknown" if verdict.there is None else size(verdict.there),
            _word(fits=verdict.fits),
        )
    return drawn


def _word(*, fits: bool | None) -> Text:
    if fits is None:
        return Text("unknown", style="yellow")
    return Text("yes", style="green") if fits else Text("no", style="bold red")


def _document(one: Fit) -> dict[str, Any]:
    found: dict[str, Any] = {"server": one.server, "model": one.model, "pool": one.pool, "source": one.source}
    if one.verdict is None:
        return {**found, "fits": None}
    parts = one.verdict.estimate
    return {
        **found,
        "fits": one.verdict.fits,
        "place": one.verdict.place,
        "needBytes": one.verdict.need,
        "thereBytes": one.verdict.there,
        "weightsBytes": parts.weights,
        "cacheBytes": parts.cache,
        "computeBytes": parts.graph,
        "instead": list(one.instead),
    }


def show_facts(path: Path, output: Output) -> None:
    """The facts in a GGUF file, as the settings want them.

    Raises:
        CliError: the file cannot be read, or is none.
    """
    try:
        with path.open("rb") as file:
            found = gguf.read(file, path.stat().st_size)
    except OSError as error:
        raise CliError(f"cannot read {path}: {error.strerror}", code=Exit.USAGE) from error
    except gguf.GgufError as error:
        raise CliError(f"{path} {error}", "give a file with a model's weights as GGUF", code=Exit.USAGE) from error
    # In bytes: a rounded quantity would be another model's.
    facts: dict[str, Any] = {
        "size": str(found.weights),
        "layers": found.layers,
        "heads": found.heads,
        "kvHeads": found.kv_heads,
        "headSize": found.head_size,
        "embedding": found.embedding,
        "vocabulary": found.vocabulary,
        "context": found.context,
        "architecture": found.architecture,
    }
    output.result({"facts": facts})
    if not output.as_json:
        output.say(yaml.safe_dump({"facts": facts}, sort_keys=False).rstrip())
