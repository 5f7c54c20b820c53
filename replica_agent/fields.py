"""What single values of a config file may be, and how its faults are told."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

__all__ = ["AbsolutePath", "ConfigError", "Listen", "Strict", "faults_of", "matches", "web_url"]

_LISTEN = re.compile(r"(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")
_MAX_PORT = 65535


class ConfigError(Exception):
    """A config file, or an environment, with faults; the message lists all of them."""


def faults_of(error: ValidationError, source: str) -> str:
    """Return every fault of a document, one a line."""
    faults = [
        f"{'.'.join(str(part) for part in fault['loc']) or '(the document)'}: {fault['msg']}"
        for fault in error.errors(include_url=False)
    ]
    return "\n".join([f"{source} has {len(faults)} fault(s):", *(f"  {f}" for f in faults)])


def _absolute(value: Path) -> Path:
    if not value.is_absolute():
        raise ValueError(f"'{value}' is not an absolute path, such as /data/ledger.json")
    return value


def _listen(value: str) -> str:
    match = _LISTEN.fullmatch(value)
    if match is None or int(match[2]) > _MAX_PORT:
        raise ValueError(f"{value!r} is not address:port, such as 0.0.0.0:11434 or [::]:11434")
    return value


def web_url(schemes: tuple[str, ...]) -> Callable[[str], str]:
    """Return a check that a text is a base URL of one of these schemes."""

    def check(value: str) -> str:
        legal = " or ".join(f"{scheme}://host:port" for scheme in schemes)
        try:
            parts = urlsplit(value)
            legal_port = parts.port is None or parts.port > 0
        except ValueError as error:
            raise ValueError(f"{value!r} is not {legal}") from error
        extra = parts.path not in {"", "/"} or parts.query or parts.fragment or "@" in parts.netloc
        if parts.scheme not in schemes or not parts.hostname or not legal_port or extra:
            raise ValueError(f"{value!r} is not {legal}, with nothing after it")
        return value.rstrip("/")

    return check


def matches(pattern: re.Pattern[str], legal: str) -> Callable[[str], str]:
    """Return a check that a whole text has a pattern, told as `legal`."""

    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(f"{value!r} is not {legal}")
        return value

    return check


AbsolutePath = Annotated[Path, Field(strict=False), AfterValidator(_absolute)]
Listen = Annotated[str, AfterValidator(_listen)]


class Strict(BaseModel):
    """A part of a config file: camel-case keys, no unknown ones, no silent conversion."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, strict=True)
