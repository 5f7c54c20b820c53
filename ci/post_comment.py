"""Posts a comment where it belongs, or edits the one that is there: ``python -m ci.post_comment --file FILE``.

Where and as whom comes from the environment that GitHub Actions and GitLab CI set; the token is read from there alone,
never from the command line, which other processes of the machine can read.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from ci import github, gitlab
from ci.forge import ForgeError, Posted

_MARKER = re.compile(r"<!-- echorator-[a-z]+: [A-Za-z0-9._/-]+ -->")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


class TargetError(Exception):
    """The comment has no place to go to; says which variable is missing."""


@app.command()
def main(
    file: Annotated[Path, typer.Option(help="The Markdown, with its marker in the first line.")],
    *,
    number: Annotated[
        int | None, typer.Option(help="Pull or merge request; the one that CI runs for by default.")
    ] = None,
    issue: Annotated[str, typer.Option(help="Title of an issue that holds the text, instead of a pull request.")] = "",
    close: Annotated[bool, typer.Option(help="With --issue: close it instead, where it is open.")] = False,
    author: Annotated[str, typer.Option(help="Login that GitHub shows for the token.")] = github.ACTIONS,
) -> None:
    """Post or edit. Exit code 0: it is there; 1: the forge did not take it; 2: nothing to post, or nowhere to go."""
    try:
        body = file.read_text(encoding="utf-8")
        marker = _marker(body)
        posted = post(body, marker, os.environ, number=number, issue=issue, close=close, author=author)
    except (TargetError, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(2) from error
    except ForgeError as error:
        sys.stderr.write(f"error: {error}\n")
        raise typer.Exit(1) from error
    sys.stdout.write("nothing to close\n" if posted is None else f"{posted.action} {posted.url}".rstrip() + "\n")


def post(
    body: str,
    marker: str,
    environment: Mapping[str, str],
    *,
    number: int | None = None,
    issue: str = "",
    close: bool = False,
    author: str = github.ACTIONS,
) -> Posted | None:
    """Post to the forge that the environment is of.

    Raises:
        TargetError: a variable is missing.
        ForgeError: the forge did not take it.
    """
    if environment.get("GITLAB_CI"):
        return _to_gitlab(body, marker, environment, number)
    token, repository = _need(environment, "GITHUB_TOKEN"), _need(environment, "GITHUB_REPOSITORY")
    with github.client(token, environment.get("GITHUB_API_URL", github.API)) as http:
        api = github.forge_api(http)
        if issue:
            drift = github.DriftIssue(api, repository, issue, author)
            return drift.close(marker) if close else drift.upsert(marker, body)
        where = number if number is not None else _pull_request(environment)
        return github.PullRequestComment(api, repository, where, author).upsert(marker, body)


def _to_gitlab(body: str, marker: str, environment: Mapping[str, str], number: int | None) -> Posted:
    token, project = _need(environment, "GITLAB_TOKEN"), _need(environment, "CI_PROJECT_ID")
    where = number if number is not None else int(_need(environment, "CI_MERGE_REQUEST_IID"))
    with gitlab.client(token, environment.get("CI_API_V4_URL", gitlab.API)) as http:
        return gitlab.MergeRequestNote(gitlab.forge_api(http), project, where).upsert(marker, body)


def _marker(body: str) -> str:
    found = _MARKER.match(body)
    if found is None:
        raise TargetError("the file has no marker in its first line. Fix: make it with `python -m ci.preview_comment`")
    return found[0]


def _need(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise TargetError(f"{name} is not set. Fix: run in CI, or set it")
    return value


def _pull_request(environment: Mapping[str, str]) -> int:
    """The number in the event that started the workflow."""
    with suppress(OSError, ValueError, LookupError, TypeError):
        event: Any = json.loads(Path(environment.get("GITHUB_EVENT_PATH", "")).read_text(encoding="utf-8"))
        return int(event["pull_request"]["number"])
    raise TargetError("this is no run for a pull request. Fix: pass --number, or --issue for an issue")


if __name__ == "__main__":
    app()
