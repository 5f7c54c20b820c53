"""Where words go: results to standard output, all else to standard error as soon as `--json` is asked for."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text


class Output:
    """The two streams of one command.

    Attributes:
        as_json: standard output is one JSON document and nothing else.
        console: for people; standard error where standard output is JSON.
        errors: standard error.
    """

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.errors = Console(stderr=True, highlight=False)
        self.console = self.errors if as_json else Console(highlight=False)

    def say(self, text: str = "", style: str = "") -> None:
        """A line for people, wrapped by nobody, so that it can be searched and copied."""
        self.console.print(Text(text, style=style), soft_wrap=True)

    def result(self, document: Mapping[str, Any], *, one_line: bool = False) -> None:
        """The command's result for programs; nothing where they did not ask for it."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=None if one_line else 2, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    def error(self, message: str, hint: str) -> None:
        """What went wrong and what to do about it."""
        line = Text("error: ", style="bold red")
        line.append(message, style="not bold default")
        self.errors.print(line, soft_wrap=True)
        if hint:
            self.errors.print(Text(f"to do: {hint}"), soft_wrap=True)
