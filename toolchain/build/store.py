"""The folders of finished tools: a tool is there whole or not at all."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

MANIFEST = "tool.json"
UNUSED_DAYS = 14
_STAGING = ".staging-"
_DAY_S = 86400


@dataclass(frozen=True)
class Key:
    """A tool at one version made by one recipe."""

    name: str
    version: str
    recipe: str
    """Eight hex digits of everything that the result depends on."""

    @property
    def folder(self) -> str:
        """Where it lies below the store's root."""
        return f"{self.name}/{self.version}-{self.recipe}"


class Manifest(BaseModel):
    """What a finished tool's folder holds and where it came from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    version: str
    recipe: str
    source: str
    licence: str
    files: dict[str, int]
    """Path below the folder to size in bytes; a folder of many files names only those that are looked up."""
    packages: dict[str, str] = {}
    """Debian packages: name to version."""
    licences: dict[str, str] = {}
    """Debian packages: name to licence."""


@dataclass(frozen=True)
class Store:
    """Finished tools below one root, shared by all checkouts."""

    root: Path

    def find(self, key: Key) -> Path | None:
        """The tool's folder if it is there and whole, marked as used now."""
        folder = self.root / key.folder
        manifest = read_manifest(folder)
        if manifest is None or any(_size(folder / path) != size for path, size in manifest.files.items()):
            return None
        os.utime(folder / MANIFEST)
        return folder

    @contextmanager
    def staging(self, unit: str) -> Generator[Path]:
        """An empty folder to build in, on the store's own disk; gone afterwards.

        Call it only under the unit's lock: what an earlier run left after a kill -9 is deleted first.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        folder = self.root / f"{_STAGING}{unit}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, staged: Path, manifest: Manifest) -> Path:
        """Move a finished folder to its place, in one step and after its bytes are on the disk.

        Without the fsync a power cut soon after would leave the new name with empty files in it.
        """
        (staged / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n")
        sync_tree(staged)
        target = self.root / Key(manifest.name, manifest.version, manifest.recipe).folder
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            # Damaged, or find() would have returned it. Moved away first: a rename needs an empty target.
            shutil.move(target, staged.with_name(f"{staged.name}.damaged"))
            shutil.rmtree(staged.with_name(f"{staged.name}.damaged"))
        staged.rename(target)
        _sync(target.parent)
        return target

    def prune(self, *, unused_days: float = UNUSED_DAYS) -> list[str]:
        """Delete versions that no run has looked up for some days, and say which.

        Other checkouts share the store and may be at other versions, so being old alone is no reason.
        """
        limit = time.time() - unused_days * _DAY_S
        stale = [path.parent for path in self.root.glob(f"*/*/{MANIFEST}") if path.stat().st_mtime < limit]
        for folder in stale:
            shutil.rmtree(folder)
        return sorted(str(folder.relative_to(self.root)) for folder in stale)


def read_manifest(folder: Path) -> Manifest | None:
    """A tool folder's manifest; None when it is missing or damaged."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, NotADirectoryError, ValidationError):
        return None


def sync_tree(folder: Path) -> None:
    """Put every file and folder below on the disk."""
    for parent, _, files in os.walk(folder):
        for name in files:
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                _sync(path)
        _sync(Path(parent))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except (FileNotFoundError, NotADirectoryError):
        return None
