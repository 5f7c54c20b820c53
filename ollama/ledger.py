"""What we brought to a server, so that only that is removed again, and made models are known again."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from ollama.errors import ConfigurationError, ResourceError, SystemFault
from ollama.files import FileStamp
from ollama.names import ModelName

Origin = Literal["bringing", "brought", "found"]


@dataclass(frozen=True)
class LedgerEntry:
    """One name on a server; an alias has an entry of its own.

    Attributes:
        name: as it was wanted.
        origin: "brought" by us; "bringing" from before our first change to it until it is there, so that a run
            that was killed does not take its own work for somebody else's; "found" as wanted when we first came.
        digest: `sha256:<hex>` that it has from us; None while it is brought for the first time.
        fingerprint: of the recipe and all that went into it for created models, of the source for pulled ones.
        alias_of: name of the model that this is an alias of.
        replaces: digest that was there under the name before us, while it is brought.
        retain: leave the model when it is no longer wanted.
        files: local files that a created model was made of.
    """

    name: str
    origin: Origin
    digest: str | None = None
    fingerprint: str | None = None
    alias_of: str | None = None
    replaces: str | None = None
    retain: bool = False
    files: tuple[FileStamp, ...] = ()

    @property
    def key(self) -> str:
        """The name's key."""
        return ModelName.parse(self.name).key


class Ledger(Protocol):
    """A memory of names; those that mean the same model to Ollama are one."""

    def get(self, name: str) -> LedgerEntry | None:
        """Return the entry of a name."""
        ...

    def put(self, entry: LedgerEntry) -> None:
        """Enter a name, in the place of what was entered for it."""
        ...

    def drop(self, name: str) -> None:
        """Forget a name, if it is there."""
        ...

    def entries(self) -> list[LedgerEntry]:
        """Return all entries, in the order in which the names first came."""
        ...


class MemoryLedger:
    """A ledger that ends with the process."""

    def __init__(self, entries: Iterable[LedgerEntry] = ()) -> None:
        self._entries = {entry.key: entry for entry in entries}

    def get(self, name: str) -> LedgerEntry | None:
        """Return the entry of a name."""
        return self._entries.get(ModelName.parse(name).key)

    def put(self, entry: LedgerEntry) -> None:
        """Enter a name, in the place of what was entered for it."""
        self._entries[entry.key] = entry

    def drop(self, name: str) -> None:
        """Forget a name, if it is there."""
        self._entries.pop(ModelName.parse(name).key, None)

    def entries(self) -> list[LedgerEntry]:
        """Return all entries, in the order in which the names first came."""
        return list(self._entries.values())


class _Document(BaseModel):
    # A ledger of a newer version, after a rollback, is better read in part than not at all: a forgotten name
    # is never removed.
    model_config = ConfigDict(extra="ignore")

    version: Literal[1] = 1
    entries: list[LedgerEntry]


class FileLedger(MemoryLedger):
    """A ledger in a JSON file, written at every change before the change is made on the server.

    Attributes:
        fault: what was wrong with the file at the start, when the ledger began empty because of it; the file is
            kept beside as `<name>.broken`. Nothing that it had is removed from the server any more.
    """

    def __init__(self, path: Path) -> None:
        """Read the file, if it is there; its folder must be."""
        self._path = path
        self.fault: str | None = None
        super().__init__(self._read())

    def put(self, entry: LedgerEntry) -> None:
        """Enter a name, in the place of what was entered for it.

        Raises:
            ResourceError: the disk is full.
            SystemFault: the file cannot be written.
        """
        if self.get(entry.name) != entry:
            super().put(entry)
            self._write(entry.name)

    def drop(self, name: str) -> None:
        """Forget a name, if it is there; raises what `put` raises."""
        if self.get(name) is not None:
            super().drop(name)
            self._write(name)

    def _read(self) -> list[LedgerEntry]:
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            self.fault = f"the ledger `{self._path}` cannot be read: {error.strerror}"
            return []
        try:
            entries = _Document.model_validate_json(text).entries
            for entry in entries:
                ModelName.parse(entry.name)
        except (ValidationError, ConfigurationError) as error:
            broken = self._path.with_name(f"{self._path.name}.broken")
            self.fault = f"the ledger `{self._path}` is broken and begins empty; it is kept as `{broken}`: {error}"
            try:
                self._path.replace(broken)
            except OSError as moving:
                self.fault += f" (it could not be moved: {moving.strerror})"
            return []
        return entries

    def _write(self, name: str) -> None:
        text = _Document(entries=self.entries()).model_dump_json(indent=2)
        partial = self._path.with_name(f".{self._path.name}.partial")
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(self._path)
        except OSError as error:
            message = f"the ledger `{self._path}` cannot be written: {error.strerror}"
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise ResourceError(None, name, message, "make the replica's volume larger") from error
            raise SystemFault(None, name, message, "see the owner and the mode of its folder") from error


class Tracker:
    """Keeps the entry of one name true while the name is brought to what is wanted."""

    def __init__(self, ledger: Ledger, name: str, *, alias_of: str | None = None, retain: bool = False) -> None:
        self._ledger = ledger
        self._name = name
        self._alias_of = alias_of
        self._retain = retain
        self._changed = False
        self.old = ledger.get(name)

    def begin(self, have: str | None) -> None:
        """Enter what is about to happen, before the first change on the server.

        Args:
            have: digest of what is there under the name now, or None.
        """
        if not self._changed and (self.old is None or self.old.origin == "found"):
            self._ledger.put(LedgerEntry(self._name, "bringing", None, None, self._alias_of, have, self._retain))
        self._changed = True

    def done(self, digest: str, fingerprint: str | None = None, files: tuple[FileStamp, ...] = ()) -> None:
        """Enter that the name is as wanted."""
        self._ledger.put(
            LedgerEntry(
                self._name, self._origin(digest), digest, fingerprint, self._alias_of, None, self._retain, files
            )
        )

    def _origin(self, digest: str) -> Origin:
        match self.old:
            case None:
                return "brought" if self._changed else "found"
            case LedgerEntry(origin="found"):
                # Mending what somebody else brought, with the very same content, does not make it ours.
                return "brought" if self._changed and self.old.digest != digest else "found"
            case LedgerEntry(origin="bringing"):
                # A run that was killed before it had changed anything has left what was there.
                return "found" if not self._changed and self.old.replaces == digest else "brought"
            case _:
                return "brought"
