"""What each command does, once its options are read."""

from __future__ import annotations

import time
from dataclasses import replace

from rich.live import Live

from cli import edits
from cli.change import Done, Manner, carry_out, view_of
from cli.edits import Deploy, Expose
from cli.exits import CliError, Exit
from cli.output import Output
from cli.phases import Phase
from cli.place import Place
from cli.render import models_document, models_table, servers_table, status_document
from cli.stack_file import StackFile
from cli.view import Model, View
from ollama.names import ModelName

WATCH_EVERY_S = 2.0


def deploy(place: Place, wish: Deploy, manner: Manner, output: Output, *, pin: bool) -> None:
    """Add or change a model, and its server where there is none.

    Raises:
        CliError: and others that `failures` knows.
    """
    file = StackFile.read(place.config, must_exist=False)
    yaml, server = edits.deploy(file.yaml, wish)
    take_back = f"`echorator undeploy {wish.model} --server {server}` takes it back"
    manner = replace(manner, on=f"The same command goes on from there; {take_back}.")
    done = carry_out(place, file.changed(yaml), output, manner)
    if manner.dry_run:
        output.result({"server": server, "model": wish.model, **done.document(place, dry_run=True)})
        return
    view = view_of(place, done.file.settings())
    if pin:
        done = _pin(place, done, view, output, manner, name=wish.model, server=server)
        view = view_of(place, done.file.settings())
    _show_models(view, server, output)
    output.result({"server": server, "model": wish.model, **done.document(place, dry_run=False, view=view)})


def expose(place: Place, wish: Expose, manner: Manner, output: Output, *, none: bool) -> None:
    """Change how a server is reached.

    Raises:
        CliError: and others that `failures` knows.
    """
    file = StackFile.read(place.config)
    yaml = edits.conceal(file.yaml, wish.server) if none else edits.expose(file.yaml, wish)
    manner = replace(manner, on=f"The same command goes on; `echorator expose {wish.server} --none` takes it back.")
    done = carry_out(place, file.changed(yaml), output, manner)
    output.result({"server": wish.server, **done.document(place, dry_run=manner.dry_run)})


def undeploy(
    place: Place, model: str | None, server: str | None, manner: Manner, output: Output, *, keep_model: bool
) -> None:
    """Take a model off its server, or a server away with all that is on its volumes.

    Raises:
        CliError: and others that `failures` knows.
    """
    file = StackFile.read(place.config)
    manner = replace(manner, destructive=True, on="The same command goes on from there.")
    if model is None:
        name = str(server)
        yaml = edits.undeploy_server(file.yaml, name)
        manner = replace(manner, question=f"Delete server {name}, its volumes and all models on them?")
    else:
        yaml, name = edits.undeploy_model(file.yaml, model, server)
        manner = replace(manner, question=f"Delete {model} from every replica of {name}?")
        if keep_model:
            manner = replace(manner, destructive=False, question=f"Take {model} off the list of {name} and leave it?")
            file = _retain(place, file, output, manner, model=model, server=name)
            yaml, _ = edits.undeploy_model(file.yaml, model, name)
    done = carry_out(place, file.changed(yaml), output, manner)
    output.result({"server": name, "model": model, **done.document(place, dry_run=manner.dry_run)})


def show_models(place: Place, output: Output) -> None:
    """List the models.

    Raises:
        CliError: and others that `failures` knows.
    """
    view = view_of(place, StackFile.read(place.config).settings())
    if output.as_json:
        output.result(models_document(view))
    else:
        output.console.print(models_table(view))


def status(place: Place, output: Output, *, watch: bool) -> Exit:
    """Show servers and replicas; with `watch` until interrupted.

    Raises:
        CliError: and others that `failures` knows.
    """
    file = StackFile.read(place.config)
    settings = file.settings()
    if watch:
        return _watch(place, file, output)
    view = view_of(place, settings)
    if output.as_json:
        output.result(status_document(view))
    else:
        output.console.print(servers_table(view))
    return verdict(view)


def verdict(view: View) -> Exit:
    """The exit code of `status`."""
    if view.problems or any(server.state.phase is Phase.FAILED for server in view.servers):
        return Exit.FAILED
    ready = all(server.state.phase is Phase.READY for server in view.servers)
    return Exit.DONE if ready else Exit.NOT_READY


def _watch(place: Place, file: StackFile, output: Output) -> Exit:
    settings = file.settings()
    code = Exit.DONE
    try:
        if not output.console.is_terminal or output.as_json:
            while True:
                view = view_of(place, settings)
                code = verdict(view)
                if output.as_json:
                    output.result(status_document(view), one_line=True)
                else:
                    output.console.print(servers_table(view))
                time.sleep(WATCH_EVERY_S)
        with Live(console=output.console, screen=False, auto_refresh=False) as live:
            while True:
                view = view_of(place, settings)
                code = verdict(view)
                live.update(servers_table(view), refresh=True)
                time.sleep(WATCH_EVERY_S)
    except KeyboardInterrupt:
        return code


def _retain(place: Place, file: StackFile, output: Output, manner: Manner, *, model: str, server: str) -> StackFile:
    """Have the replicas told to keep the model, before it is taken off their list."""
    kept = file.changed(edits.retain_model(file.yaml, model, server))
    if not kept.is_changed or manner.dry_run:
        return file
    output.say(f"First the replicas are told to keep {model}.")
    return carry_out(place, kept, output, replace(manner, question=f"Keep {model} on every replica of {server}?")).file


def _pin(place: Place, done: Done, view: View, output: Output, manner: Manner, *, name: str, server: str) -> Done:
    model = _model(view, name, server)
    digests = set(model.found.values()) if model is not None else set[str | None]()
    if len(digests) != 1 or None in digests:
        seen = ", ".join(sorted(str(digest) for digest in digests)) or "none"
        raise CliError(
            f"{name} is deployed, but not pinned: the replicas were to have one digest and have {seen}",
            f"see `echorator status`, then give the digest: echorator deploy {name} --digest sha256:…",
            code=Exit.FAILED,
        )
    digest = str(digests.pop())
    pinned = done.file.changed(edits.pin(done.file.yaml, name, server, digest))
    if not pinned.is_changed:
        return done
    output.say(f"Pinned to {digest}.")
    second = carry_out(place, pinned, output, replace(manner, yes=True, skip_preview=True))
    return replace(second, seconds=done.seconds + second.seconds, changes=done.changes or second.changes)


def _model(view: View, name: str, server: str) -> Model | None:
    key = ModelName.parse(name).key
    models = [model for one in view.servers if one.name == server for model in one.models]
    return next((model for model in models if ModelName.parse(model.name).key == key), None)


def _show_models(view: View, server: str, output: Output) -> None:
    only = replace(view, servers=[one for one in view.servers if one.name == server])
    output.say()
    output.console.print(models_table(only))
