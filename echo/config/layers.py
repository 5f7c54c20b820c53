"""The order in which settings count: defaults, then the ConfigMap's file, then the environment, then arguments.

Keys are a file of their own, the Secret's; no setting holds one. A later layer replaces single values of an earlier
one; a list is replaced whole.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from echo.config.model import EchoConfig
from replica_agent.fields import ConfigError, faults_of

__all__ = ["PREFIX", "Layers"]

PREFIX = "ECHO_"
"""Of variables: `ECHO_QUEUE__WAIT_SECONDS=30` is `queue.waitSeconds: 30`."""

_PATH = re.compile(r"[a-z][A-Za-z]*(\.[a-z][A-Za-z]*)*")


class Layers:
    """Where settings come from; `read` puts them together anew."""

    def __init__(
        self, file: Path | None, environment: Mapping[str, str] = os.environ, arguments: Sequence[str] = ()
    ) -> None:
        self.file = file
        self._environment = {key: value for key, value in environment.items() if key.startswith(PREFIX)}
        self._arguments = tuple(arguments)

    def read(self) -> EchoConfig:
        """Return the settings.

        Raises:
            ConfigError: With every fault, and the layers that were read.
        """
        document: dict[str, Any] = {}
        sources: list[str] = []
        if self.file is not None:
            document = _document(self.file)
            sources.append(str(self.file))
        for source, found in (
            ("environment", _from_environment(self._environment)),
            ("arguments", _from_arguments(self._arguments)),
        ):
            for path, value in found:
                _put(document, path, value, source)
            if found:
                sources.append(source)
        try:
            return EchoConfig.model_validate_json(json.dumps(document))
        except ValidationError as error:
            raise ConfigError(faults_of(error, f"the configuration ({' + '.join(sources) or 'none'})")) from error


def _document(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"cannot read {file}: {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"{file} is not a JSON object")
    return cast("dict[str, Any]", found)


def _from_environment(environment: Mapping[str, str]) -> list[tuple[list[str], Any]]:
    found: list[tuple[list[str], Any]] = []
    for key in sorted(environment):
        parts = [to_camel(part.lower()) for part in key.removeprefix(PREFIX).split("__")]
        if not all(parts):
            raise ConfigError(f"{key} is no setting: write {PREFIX}SECTION__KEY, such as {PREFIX}QUEUE__SIZE=100")
        found.append((parts, _value(environment[key])))
    return found


def _from_arguments(arguments: Iterable[str]) -> list[tuple[list[str], Any]]:
    found: list[tuple[list[str], Any]] = []
    for argument in arguments:
        path, equals, text = argument.partition("=")
        if not equals or not _PATH.fullmatch(path):
            raise ConfigError(f"--set {argument}: write SECTION.KEY=VALUE, such as queue.size=100")
        found.append((path.split("."), _value(text)))
    return found


def _value(text: str) -> Any:  # noqa: ANN401
    """JSON where it is some; else the text itself, so that `listen.main=127.0.0.1:0` needs no quotes."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _put(document: dict[str, Any], path: Sequence[str], value: object, source: str) -> None:
    at = document
    for part in path[:-1]:
        inner = at.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{source}: {'.'.join(path)} goes into `{part}`, which is no section")
        at = cast("dict[str, Any]", inner)
    at[path[-1]] = value
