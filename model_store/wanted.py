"""The list of models that the stack's servers want: a JSON file that changes while the store runs.

::

    {"version": 1, "models": [
        {"host": "registry.ollama.ai", "repository": "library/smollm2", "reference": "135m", "digest": null}
    ]}

Without a list that can be read nothing is known to be unwanted, so nothing is collected.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from model_store.errors import InvalidRequestError
from model_store.logs import event
from model_store.metrics import Metrics
from model_store.names import check_repository, parse_reference

__all__ = ["Wanted", "WantedFile", "WantedList", "WantedListError", "WantedModel", "parse"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class WantedListError(Exception):
    """A list with faults; the message has all of them."""


def _digest(value: str) -> str:
    if not _DIGEST.fullmatch(value):
        raise ValueError(f"{value[:100]!r} is no digest: sha256:<64 lower-case hex digits> is")
    return value


def _repository(value: str) -> str:
    try:
        return check_repository(value)
    except InvalidRequestError as error:
        raise ValueError(error.message) from error


def _tag(value: str) -> str:
    try:
        parse_reference(value)
    except InvalidRequestError as error:
        raise ValueError(error.message) from error
    return value


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, strict=True)


class WantedModel(_Strict):
    """One model.

    Attributes:
        host: Its registry, as an upstream of the config is called; or
        alias: that upstream's alias.
        repository: For example ``library/smollm2``; compared without regard to case, as Ollama does.
        reference: Tag, or digest of the manifest.
        digest: Of a manifest that is wanted whatever the tag says by now.
    """

    host: str | None = None
    alias: str | None = None
    repository: Annotated[str, AfterValidator(_repository)]
    reference: Annotated[str, AfterValidator(_tag)]
    digest: Annotated[str, AfterValidator(_digest)] | None = None

    @model_validator(mode="after")
    def _one_registry(self) -> WantedModel:
        if (self.host is None) == (self.alias is None):
            raise ValueError("exactly one of `host` and `alias` is expected")
        return self


class WantedList(_Strict):
    """The whole file."""

    version: Literal[1] = 1
    models: list[WantedModel]


def parse(text: str, source: str) -> WantedList:
    """Read a list.

    Raises:
        WantedListError: With every fault.
    """
    try:
        return WantedList.model_validate(json.loads(text))
    except ValueError as error:
        if isinstance(error, ValidationError):
            faults = [
                f"{'.'.join(str(part) for part in fault['loc']) or '(the document)'}: {fault['msg']}"
                for fault in error.errors(include_url=False)
            ]
            raise WantedListError(f"{source} has {len(faults)} fault(s): {'; '.join(faults)}") from error
        raise WantedListError(f"{source} is not JSON: {error}") from error


@dataclass(frozen=True)
class Wanted:
    """What is wanted, ready to be asked.

    Attributes:
        references: (alias, repository, tag or digest), the last two in lower case.
        count: How many models the list names.
    """

    references: frozenset[tuple[str, str, str]]
    count: int

    @classmethod
    def of(cls, models: Iterable[WantedModel], aliases: Mapping[str, str]) -> Wanted:
        """Resolve hosts to aliases; a host that is no upstream can have nothing on the volume."""
        found: set[tuple[str, str, str]] = set()
        count = 0
        for model in models:
            count += 1
            alias = model.alias if model.alias is not None else aliases.get(str(model.host).lower())
            if alias is None:
                continue
            for reference in (model.reference, model.digest):
                if reference is not None:
                    found.add((alias, model.repository.lower(), reference.lower()))
        return cls(frozenset(found), count)

    def has(self, alias: str, repository: str, references: Iterable[str]) -> bool:
        """Whether one of these tags and digests of a repository is wanted."""
        return any((alias, repository.lower(), one.lower()) in self.references for one in references)


class WantedFile:
    """Reads the list again when its file changes; says once what is wrong with it.

    Attributes:
        fault: What is wrong with it, or None.
    """

    def __init__(self, path: Path, aliases: Mapping[str, str], metrics: Metrics) -> None:
        """Prepare to read.

        Args:
            path: The file.
            aliases: Alias by host, of every upstream and of the pushed models' own registry.
            metrics: Told whether the list can be read, and how much it names.
        """
        self._path = path
        self._aliases = {host.lower(): alias for host, alias in aliases.items()}
        self._metrics = metrics
        self._seen: tuple[int, int, int] | None = None
        self._wanted: Wanted | None = None
        self.fault: str | None = None

    def current(self) -> Wanted | None:
        """The list as it is now, or None when there is none that can be read. Blocking."""
        try:
            status = self._path.stat()
            # A mounted ConfigMap changes by a symlink to another file, so the inode counts too.
            seen = (status.st_mtime_ns, status.st_ino, status.st_size)
            if seen != self._seen:
                text = self._path.read_text(encoding="utf-8")
                self._take(Wanted.of(parse(text, str(self._path)).models, self._aliases), None)
                self._seen = seen
        except (OSError, UnicodeDecodeError) as error:
            self._seen = None
            self._take(None, f"cannot read {self._path}: {error}")
        except WantedListError as error:
            self._seen = None
            self._take(None, str(error))
        return self._wanted

    def _take(self, wanted: Wanted | None, fault: str | None) -> None:
        if fault is not None and fault != self.fault:
            event("wanted_list_unusable", level=logging.WARNING, cause=fault, effect="nothing is collected")
        elif wanted is not None:
            event("wanted_list_read", models=wanted.count)
        self._wanted, self.fault = wanted, fault
        self._metrics.wanted_ok.set(0 if wanted is None else 1)
        self._metrics.wanted_models.set(0 if wanted is None else wanted.count)
