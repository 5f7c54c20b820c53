"""The command line: ``python -m ci.preview_comment --stack dev``, or from a file that a preview has left."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ci.preview_comment.comment import GITHUB_LIMIT, Kind, Options, failed, render
from ci.preview_comment.cost import PricesError, load_prices
from ci.preview_comment.preview import Preview
from ci.preview_comment.reading import UnreadableError, looks_like_digest, read_digest, read_event_log
from ci.preview_comment.remedies import of_our_pack
from ci.preview_comment.running import NoEngineError, run_preview

EXPECTED = (NoEngineError, PricesError, UnreadableError)
USAGE = 2
_LEAST_LIMIT = 16_384

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def main(
    context: typer.Context,
    *,
    stack: Annotated[str, typer.Option(help="Name of the stack.")] = "dev",
    event_log: Annotated[
        Path | None, typer.Option(help="Read this `--event-log` instead of running a preview.")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Read this output of `pulumi preview --json` instead.")
    ] = None,
    prices: Annotated[Path | None, typer.Option(help="YAML with the price of an accelerator for an hour.")] = None,
    output: Annotated[Path | None, typer.Option(help="Write here instead of to standard output.")] = None,
    kind: Annotated[Kind, typer.Option(help="`drift` for a comparison without a change of the program.")] = "preview",
    commit: Annotated[str, typer.Option(help="What was previewed, for the last line.")] = "",
    limit: Annotated[int, typer.Option(min=_LEAST_LIMIT, help="Bytes that the comment may have.")] = GITHUB_LIMIT,
) -> None:
    """Make the comment. Further arguments go to `pulumi preview`.

    Exit code 0: the deploy would go through; 1: it would not, and the comment says why; 2: there is no comment.
    """
    try:
        options = Options(
            stack=stack,
            commit=commit,
            prices=None if prices is None else load_prices(prices),
            remedies=of_our_pack(),
            limit=limit,
            kind=kind,
        )
        preview, options = _preview(options, event_log, json_file, context.args)
    except EXPECTED as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(USAGE) from error
    text = render(preview, options)
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text, encoding="utf-8")
    raise typer.Exit(int(failed(preview, options)))


def _preview(options: Options, log: Path | None, digest: Path | None, extra: list[str]) -> tuple[Preview, Options]:
    if log is not None and digest is not None:
        raise UnreadableError("both `--event-log` and `--json` are given. Fix: leave one out")
    file = log or digest
    if file is None:
        ran = run_preview(options.stack, extra)
        return read_event_log(ran.events), options.with_run(ran.code, ran.output)
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise UnreadableError(f"{file} cannot be read: {error.strerror}") from error
    if digest is not None or looks_like_digest(text):
        return read_digest(text), options
    return read_event_log(text), options


if __name__ == "__main__":
    app()
