"""Models on many replicas: deploy, expose, list and look after them. The stack's file is the only truth."""

from __future__ import annotations

import typer

from cli.commands.deploy import deploy
from cli.commands.expose import expose
from cli.commands.fit import fit
from cli.commands.memory import backup, drill, restore
from cli.commands.pin import pin
from cli.commands.show import models, status
from cli.commands.undeploy import undeploy
from cli.commands.upload import upload

app = typer.Typer(
    name="echorator",
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(deploy)
app.command()(expose)
app.command()(undeploy)
app.command()(fit)
app.command("list")(models)
app.command()(status)
app.command()(upload)
app.command()(backup)
app.command()(restore)
app.command()(drill)
app.command()(pin)


def main() -> None:
    """Run the command; exit codes are those of `cli.exits`."""
    # Help and completion name what was typed, not the module that it starts.
    app(prog_name="echorator")


if __name__ == "__main__":
    main()
