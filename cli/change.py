"""The way every change goes: edit, check, show, ask, write, deploy. Until `write` nothing anywhere has changed."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from cli.engine import Engine
from cli.exits import UsageError
from cli.look import look
from cli.output import Output
from cli.place import Place
from cli.render import counts, diff_lines, models_document, step_line
from cli.stack_file import StackFile
from cli.update import Heard, preview, update
from cli.view import View
from components.kube_api import KubeApi
from components.settings.stack import Settings

WORTH_LISTING = 40
"""Steps of a preview that are shown one by one; of more only the first ones are."""


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a change is carried out.

    Attributes:
        yes: ask nothing.
        dry_run: stop after the preview.
        skip_preview: deploy without one.
        question: what is asked before anything happens.
        destructive: something is lost, so the answer that is taken for granted is no.
        on: how to go on after a failure or an interrupt.
    """

    yes: bool = False
    dry_run: bool = False
    skip_preview: bool = False
    question: str = "Deploy this?"
    destructive: bool = False
    on: str = ""


@dataclass(frozen=True)
class Done:
    """What came of it.

    Attributes:
        file: the stack's file as it is now.
        changes: kind of step to how many; of the preview in a dry run.
        changed: whether the file or the cluster was changed.
        seconds: that the update took.
    """

    file: StackFile
    changes: Mapping[str, int]
    changed: bool
    seconds: float

    def document(self, place: Place, *, dry_run: bool, view: View | None = None) -> dict[str, Any]:
        """For `--json`."""
        models = {} if view is None else {"servers": models_document(view)["servers"]}
        return {
            "stack": place.stack,
            "dryRun": dry_run,
            "changed": self.changed,
            "changes": dict(self.changes),
            "seconds": round(self.seconds, 1),
            **models,
        }


def carry_out(place: Place, file: StackFile, output: Output, manner: Manner) -> Done:
    """Carry a change of the stack's file out, in the file and in the cluster.

    Raises:
        SettingsError: the new settings have faults; nothing was changed.
        KubeUnreachableError: the cluster does not answer; nothing was changed.
        CliError: something failed; says what has been changed.
    """
    settings = file.settings()
    parts = place.parts(settings)
    for context, _ in parts:
        with KubeApi(context, retry_s=0) as api:
            api.get("/version")
    diff = file.diff()
    output.console.print(diff_lines(diff) if diff else f"{file.path.name} says so already.", soft_wrap=True)
    engine = Engine(place)
    planned = Heard()
    if not manner.skip_preview:
        planned = preview(engine, file.yaml.text, file.path.name)
        _show(planned, output)
    if manner.dry_run:
        return Done(file, planned.changes, changed=False, seconds=0.0)
    if planned.ended and not planned.changes and not file.is_changed:
        return Done(file, {}, changed=False, seconds=0.0)
    _confirm(manner, output)
    written = file.is_changed
    file = file.write()
    again = f"{file.path.name} keeps the change, and the stack what was deployed of it. {manner.on}".strip()
    total = sum(planned.changes.values())
    heard, seconds = update(engine, parts, output, planned=total, again=again)
    output.say(f"Done in {seconds:.1f} s: {counts(heard.changes) if heard.changes else 'nothing had to change'}.")
    # The engine may have written the salt.
    return Done(StackFile.read(file.path), heard.changes, changed=written or bool(heard.changes), seconds=seconds)


def view_of(place: Place, settings: Settings) -> View:
    """The stack as it is now."""
    seen = [asyncio.run(look(context, part, place.stack)) for context, part in place.parts(settings)]
    order = [server.name for server in settings.servers]
    return View(
        place.stack,
        seen[0].namespace,
        sorted((server for view in seen for server in view.servers), key=lambda one: order.index(one.name)),
        [problem for view in seen for problem in view.problems],
    )


def on_terminal() -> bool:
    """Whether somebody can be asked."""
    return sys.stdin.isatty()


def _show(planned: Heard, output: Output) -> None:
    steps = list(planned.steps.values())
    output.say()
    for step in steps[:WORTH_LISTING]:
        output.console.print(step_line(step.op, step.kind, step.name, step.keys), soft_wrap=True)
    if len(steps) > WORTH_LISTING:
        output.say(f"  and {len(steps) - WORTH_LISTING} more")
    output.say(f"Preview: {counts(planned.changes)}.")


def _confirm(manner: Manner, output: Output) -> None:
    if manner.yes:
        return
    if not on_terminal():
        raise UsageError("nobody can be asked here", "add --yes to do it, or --dry-run to look only")
    output.say()
    typer.confirm(manner.question, default=not manner.destructive, abort=True, err=output.as_json)
