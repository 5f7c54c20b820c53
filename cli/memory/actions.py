"""What `backup`, `restore` and `drill` do, once their options are read."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from rich.table import Table

from cli.change import Manner, carry_out
from cli.exits import CliError, Exit
from cli.memory import backups, fingerprint, record, restores
from cli.memory import drill as drills
from cli.memory.backups import Backup
from cli.memory.place import Store, open_store
from cli.memory.record import Drilled
from cli.output import Output
from cli.place import Place
from cli.stack_file import StackFile


def backup(place: Place, output: Output, *, show: bool) -> None:
    """Make a backup, or list what there is.

    Raises:
        CliError: and others that `failures` knows.
    """
    with open_store(place) as store:
        if show:
            found = backups.all_of(store)
            output.console.print(table(found))
            output.result({"store": store.name, "backups": [one.document() for one in found]})
            return
        store.cluster()
        done = backups.make(store, output.say)
        output.say(f"backup {done.name} is whole")
        output.result({"store": store.name, "backup": done.document()})


def restore(place: Place, wish: restores.Wish, manner: Manner, output: Output) -> None:
    """Begin a new store out of a backup, and have services use it.

    Raises:
        CliError: and others that `failures` knows.
    """
    with open_store(place) as store:
        found = backups.all_of(store, wish.source)
        plan = restores.plan(wish, store.name, found, dt.datetime.now(tz=dt.UTC))
        for line in plan.lines():
            output.say(line)
        if plan.time is not None and plan.source == store.name and not manner.dry_run:
            _leave_mark(store, output)
    file = StackFile.read(place.config)
    asked = replace(
        manner,
        destructive=True,
        question=f"Have services use {plan.name} in place of {store.name}?",
        on="The same command goes on from there.",
    )
    done = carry_out(place, file.changed(plan.edited(file.yaml)), output, asked)
    output.result({**plan.document(), **done.document(place, dry_run=manner.dry_run)})


def _leave_mark(store: Store, output: Output) -> None:
    output.say(f"leaving a mark behind that moment in the archive of {store.name}: a minute, three at most")
    try:
        fingerprint.mark(store, store.name)
    except CliError as error:
        # A store that does not answer may be the reason for the restore.
        said = f"none could be left ({error.message}): the moment must be one that something was written after"
        output.say(said, style="red")


def drill(place: Place, output: Output, *, dry_run: bool, show: bool) -> Exit:
    """Try a restore out, whose copy goes again; or list how drills ended.

    Raises:
        CliError: and others that `failures` knows.
    """
    with open_store(place) as store:
        if show:
            store.cluster()
            kept = record.latest(store)
            output.console.print(drills_table(kept))
            output.result({"store": store.name, "drills": [one.document() for one in kept]})
            return Exit.DONE
        if dry_run:
            store.cluster()
            output.say(
                f"would make a backup of {store.name}, restore it as a store of one instance in {store.namespace}, "
                "compare the two, delete the copy and keep how it ended; of the store itself all else is only read"
            )
            output.result({"store": store.name, "dryRun": True})
            return Exit.DONE
        result = drills.run(store, output.say)
    for difference in result.differences:
        output.say(difference, style="red")
    verdict = "the copy differs" if result.differences else "the copy is as the source was"
    output.say(f"{verdict}: {result.copy.rows} rows in {len(result.copy.tables)} tables")
    output.say(f"RPO {result.rpo_s:.0f} s   RTO {result.rto_s:.0f} s")
    output.result({"store": place.stack, **result.document()})
    return Exit.FAILED if result.differences else Exit.DONE


def table(found: list[Backup]) -> Table:
    """Backups, the newest first."""
    shown = Table("backup", "state", "began", "ended")
    for one in found:
        times = [f"{moment:%Y-%m-%d %H:%M:%S}" if moment is not None else "" for moment in (one.started, one.stopped)]
        shown.add_row(one.name, one.phase if not one.error else f"{one.phase}: {one.error}", *times)
    return shown


def drills_table(kept: list[Drilled]) -> Table:
    """Drills, the newest first; times are in seconds."""
    shown = Table("ended", "outcome", "rows", "RPO", "RTO", "took")
    for one in kept:
        ended = "" if one.ended is None else f"{one.ended:%Y-%m-%d %H:%M:%S}"
        figures = ["" if figure is None else f"{figure:.0f}" for figure in (one.rows, one.rpo_s, one.rto_s, one.took_s)]
        shown.add_row(ended, one.outcome, *figures)
    return shown
