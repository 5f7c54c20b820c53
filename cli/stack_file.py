"""The stack's configuration file: read, checked as a deploy would check it, and written whole or not at all."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from cli.exits import CliError, Exit, UsageError
from cli.yaml_text import EditError, YamlText
from components.settings.faults import Fault
from components.settings.stack import Settings, SettingsError, validate

PREFIX = "echorator:"
CONFIG = "config"
SERVERS = (CONFIG, f"{PREFIX}servers")

_SECRET = "is set as a secret, but nothing here is one, and the plan shows it in clear. Set it without --secret"  # noqa: S105


@dataclass(frozen=True)
class StackFile:
    """A file as it was read, and the text that it is to have.

    Attributes:
        path: of the file; it need not exist yet.
        before: its text when it was read.
        yaml: what it is to be.
    """

    path: Path
    before: str
    yaml: YamlText

    @classmethod
    def read(cls, path: Path, *, must_exist: bool = True) -> StackFile:
        """The file as it is.

        Raises:
            UsageError: it is not there.
        """
        try:
            # Line ends are kept as they are.
            with path.open(newline="", encoding="utf-8") as file:
                text = file.read()
        except FileNotFoundError:
            if must_exist:
                hint = "give another stack by --stack, or its file by --config-file"
                raise UsageError(f"there is no stack configuration at {path}", hint) from None
            text = ""
        except (OSError, UnicodeDecodeError) as error:
            raise CliError(f"cannot read {path}: {error}", code=Exit.REFUSED) from error
        return cls(path, text, YamlText(text))

    def changed(self, yaml: YamlText) -> StackFile:
        """The same file with another text to be."""
        return replace(self, yaml=yaml)

    @property
    def is_changed(self) -> bool:
        """Whether there is something to write."""
        return self.yaml.text != self.before

    def settings(self, over: Mapping[str, Mapping[str, Any]] | None = None, *, ask: bool = False) -> Settings:
        """What the text to be says, checked by the rules of a deploy.

        Args:
            over: section to what is laid over it, for a command that looks on where a deploy would stop.
            ask: also ask the models' registries, where `fit.lookup` says so.

        Raises:
            SettingsError: with every fault there is.
        """
        try:
            values = self.yaml.get((CONFIG,))
        except EditError as error:
            raise SettingsError([Fault(self.path.name, str(error))]) from error
        known: Mapping[str, Any] = cast("Mapping[str, Any]", values) if isinstance(values, dict) else {}
        raw = {key.removeprefix(PREFIX): value for key, value in known.items() if key.startswith(PREFIX)}
        secret = [key for key, value in raw.items() if _is_secret(value)]
        faults = [Fault(key, _SECRET) for key in secret]
        legible: dict[str, Any] = {key: value for key, value in raw.items() if key not in secret}
        for section, changes in (over or {}).items():
            given = legible.get(section, {})
            legible[section] = {**cast("Mapping[str, Any]", given), **changes} if isinstance(given, dict) else given
        return validate(legible, faults, ask=ask)

    def diff(self) -> list[str]:
        """What changes, as lines of a unified diff; none when nothing does."""
        before, after = (text.splitlines() for text in (self.before, self.yaml.text))
        return list(difflib.unified_diff(before, after, self.path.name, self.path.name, lineterm="", n=3))

    def write(self) -> StackFile:
        """Put the new text in the file's place, in one step; the file as it is then.

        Raises:
            CliError: somebody else has changed it since it was read, or it cannot be written; it is as it was.
        """
        if not self.is_changed:
            return self
        target = self.path.resolve()
        now = StackFile.read(target, must_exist=False).before
        if now != self.before:
            hint = "look at what changed there, then run the command again"
            raise CliError(f"{self.path.name} has been changed meanwhile, and nothing was written", hint)
        write_text(target, self.yaml.text)
        return replace(self, before=self.yaml.text)


def write_text(target: Path, text: str) -> None:
    """Write a file so that it has, at each moment, either its old or its new content.

    Raises:
        CliError: it cannot be written.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            if target.exists():
                part.chmod(target.stat().st_mode & 0o7777)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise CliError(f"cannot write {target}: {error}") from error


def _is_secret(value: object) -> bool:
    if isinstance(value, dict):
        found = cast("dict[str, Any]", value)
        return set(found) == {"secure"} or any(_is_secret(one) for one in found.values())
    return isinstance(value, list) and any(_is_secret(one) for one in cast("list[Any]", value))
