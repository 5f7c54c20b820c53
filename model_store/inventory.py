"""What is on the volume: models with what refers to them, and what nothing refers to."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from model_store.errors import InvalidRequestError
from model_store.manifests import layers_of
from model_store.names import Digest
from model_store.volume import Volume, is_temporary
from model_store.wanted import Wanted

__all__ = ["BlobFile", "Inventory", "StoredModel", "freed_by", "read"]


@dataclass(frozen=True)
class StoredModel:
    """One manifest in one repository, under all its names there.

    Attributes:
        alias: Of the upstream.
        repository: For example ``library/smollm2``.
        digest: Of the manifest.
        tags: Names that it has now.
        pushed: Whether a client pushed it; upstream cannot give it again.
        used: When it was last pulled or wanted; seconds since the epoch.
        lent: When its manifest was last handed out; seconds since the epoch.
        refs: Files that refer to it, tags first, with the time of each in nanoseconds.
        blobs: Sizes by digest; None when its manifest is missing or broken.
    """

    alias: str
    repository: str
    digest: Digest
    tags: tuple[str, ...]
    pushed: bool
    used: float
    lent: float
    refs: Mapping[Path, int]
    blobs: Mapping[Digest, int] | None

    @property
    def name(self) -> str:
        """For people: alias, repository, and tags or digest."""
        return f"{self.alias}/{self.repository}{':' + ','.join(self.tags) if self.tags else f'@{self.digest}'}"

    def wanted_by(self, wanted: Wanted) -> bool:
        """Whether it is wanted under any of its names."""
        return wanted.has(self.alias, self.repository, [*self.tags, str(self.digest)])


@dataclass(frozen=True)
class BlobFile:
    """A blob on the volume: bytes, and when its last byte was written (seconds since the epoch)."""

    size: int
    written: float


@dataclass(frozen=True)
class Inventory:
    """Everything at one moment.

    Attributes:
        models: All that refs name.
        blobs: Files by digest.
        loose_manifests: Manifests that no ref names.
        unreadable: Refs that are no JSON of ours; they can serve nobody.
    """

    models: tuple[StoredModel, ...]
    blobs: Mapping[Digest, BlobFile]
    loose_manifests: tuple[Digest, ...]
    unreadable: tuple[Path, ...]

    def loose_blobs(self, besides: Iterable[StoredModel] = ()) -> dict[Digest, BlobFile]:
        """Blobs that no model names, those of ``besides`` not counted."""
        held = self.named(besides)
        return {digest: file for digest, file in self.blobs.items() if digest not in held}

    def named(self, besides: Iterable[StoredModel] = ()) -> set[Digest]:
        """Blobs that models name, those of ``besides`` not counted; on the volume or not."""
        gone = {(one.alias, one.repository, one.digest) for one in besides}
        return {
            blob
            for model in self.models
            if (model.alias, model.repository, model.digest) not in gone
            for blob in model.blobs or ()
        }


def freed_by(inventory: Inventory, going: Iterable[StoredModel]) -> int:
    """Bytes on the volume that only these models name."""
    before = sum(file.size for file in inventory.loose_blobs().values())
    return sum(file.size for file in inventory.loose_blobs(going).values()) - before


@dataclass
class _Gathered:
    tags: list[tuple[str, Path, int]] = field(default_factory=list[tuple[str, Path, int]])
    digest_ref: tuple[Path, int] | None = None
    pushed: bool = False


def read(volume: Volume) -> Inventory:
    """Look at the whole volume; writes nothing, and needs no lock. Blocking.

    Raises:
        OSError: When something that is there cannot be read: then nothing is known well enough to delete by.
    """
    gathered: dict[tuple[str, str, str], _Gathered] = {}
    unreadable: list[Path] = []
    for alias, repository, path in _ref_files(volume.refs):
        try:
            changed = path.stat().st_mtime_ns
            record = path.read_bytes()
        except FileNotFoundError:
            continue
        try:
            fields = cast("dict[str, Any]", json.loads(record))
            by_digest = path.parent.name == "@digests"
            digest = Digest.parse(f"sha256:{path.name}" if by_digest else str(fields["digest"]))
            pushed = fields.get("pushed") is True
        except (ValueError, KeyError, TypeError, AttributeError, InvalidRequestError):
            # TypeError and AttributeError: JSON, but no object.
            unreadable.append(path)
            continue
        one = gathered.setdefault((alias, repository, digest.hex), _Gathered())
        one.pushed = one.pushed or pushed
        if by_digest:
            one.digest_ref = (path, changed)
        else:
            one.tags.append((path.name, path, changed))
    bodies = {hex_: _manifest(volume, hex_) for hex_ in {key[2] for key in gathered}}
    models = tuple(
        _model(alias, repository, Digest(hex_), one, bodies[hex_])
        for (alias, repository, hex_), one in sorted(gathered.items())
    )
    loose = [
        Digest(path.name)
        for path in sorted(volume.manifests.iterdir())
        if path.name not in bodies and not is_temporary(path.name)
    ]
    return Inventory(models, dict(_blob_files(volume)), tuple(loose), tuple(unreadable))


def _ref_files(refs: Path) -> Iterator[tuple[str, str, Path]]:
    for folder, _, files in os.walk(refs):
        path = Path(folder)
        if path.name in {"@tags", "@digests"}:
            parts = path.relative_to(refs).parts
            for name in sorted(name for name in files if not is_temporary(name)):
                yield parts[0], "/".join(parts[1:-1]), path / name


def _blob_files(volume: Volume) -> Iterator[tuple[Digest, BlobFile]]:
    with os.scandir(volume.blobs) as entries:
        for entry in entries:
            try:
                status = entry.stat()
            except FileNotFoundError:
                continue
            yield Digest(entry.name), BlobFile(status.st_size, status.st_mtime)


def _manifest(volume: Volume, hex_: str) -> tuple[float, dict[Digest, int] | None]:
    """When a manifest was last handed out, and its blobs."""
    path = volume.manifests / hex_
    try:
        lent, body = path.stat().st_mtime, path.read_bytes()
    except FileNotFoundError:
        return 0.0, None
    if hashlib.sha256(body).hexdigest() != hex_:
        return lent, None
    try:
        return lent, layers_of(body)
    except InvalidRequestError:
        return lent, None


def _model(
    alias: str,
    repository: str,
    digest: Digest,
    one: _Gathered,
    body: tuple[float, dict[Digest, int] | None],
) -> StoredModel:
    refs = {path: changed for _, path, changed in one.tags}
    if one.digest_ref is not None:
        refs[one.digest_ref[0]] = one.digest_ref[1]
    return StoredModel(
        alias=alias,
        repository=repository,
        digest=digest,
        tags=tuple(tag for tag, _, _ in one.tags),
        pushed=one.pushed,
        used=max(refs.values()) / 1e9,
        lent=body[0],
        refs=refs,
        blobs=body[1],
    )
