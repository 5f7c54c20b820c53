"""The exit codes that scripts can rely on, and the failures that carry one of their own."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """What a command ended with; docs/cli.md has the table."""

    DONE = 0
    """Also where there was nothing to do."""
    FAILED = 1
    """A deploy failed, or `status` found something wrong."""
    USAGE = 2
    """An option or a name that is not there; nothing was changed."""
    REFUSED = 3
    """The settings would have a fault; nothing was changed."""
    UNREACHABLE = 4
    """The cluster does not answer, or nothing is up; nothing was changed."""
    NOT_READY = 5
    """`status`: nothing is wrong, and not everything is Ready yet."""
    INTERRUPTED = 130
    """Ctrl-C, or a question that was answered with no."""


class CliError(Exception):
    """A failure in words for the user.

    Attributes:
        message: what is wrong.
        hint: what to do about it; may be empty.
        code: the exit code.
        details: more for `--json`.
    """

    def __init__(
        self, message: str, hint: str = "", *, code: Exit = Exit.FAILED, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code
        self.details = dict(details or {})


class UsageError(CliError):
    """What was asked for does not fit what there is."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message, hint, code=Exit.USAGE)
