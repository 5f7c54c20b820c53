"""Which files of a folder make a model, and their digests."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ollama.weights import Kind, WeightsError, check_safetensors, read_gguf

_PIECE = 4 * 1024 * 1024
_SHARDS = ("model*.safetensors", "consolidated*.safetensors", "*.safetensors")


@dataclass(frozen=True)
class FileStamp:
    """A local file whose digest is known as long as its size and time stay the same.

    Attributes:
        path: absolute.
        size: bytes.
        mtime_ns: time of its last change.
        sha256: `sha256:<hex>` of its content.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str


@dataclass(frozen=True)
class WeightFiles:
    """The files that are sent for one model or adapter.

    Attributes:
        files: path by the name that the server is given, which is relative to the folder.
        form: what they are.
    """

    files: dict[str, Path]
    form: str

    @property
    def size(self) -> int:
        """Bytes of all of them."""
        return sum(path.stat().st_size for path in self.files.values())


def find_weights(place: Path, wanted: Kind) -> WeightFiles:
    """Return the files to send for a model or an adapter.

    Of a folder with both, the Safetensors are taken, as Ollama's own command line does.

    Args:
        place: a folder, or a GGUF file.
        wanted: "model" or "adapter".

    Raises:
        WeightsError: what is there cannot be made into one.
        OSError: it cannot be read.
    """
    if not place.exists():
        raise WeightsError(f"there is no `{place}`")
    if not place.is_dir():
        if place.suffix == ".safetensors":
            raise WeightsError(f"`{place}` is one file: give its folder, which has its config and its tokenizer too")
        return _gguf(place, [place], wanted)
    for pattern in _SHARDS:
        shards = sorted(place.glob(pattern))
        if shards:
            return _safetensors(place, shards, wanted)
    found = sorted(place.glob("*.gguf"))
    if not found:
        raise WeightsError(f"`{place}` has neither *.safetensors nor *.gguf files")
    return _gguf(place, found, wanted)


def _safetensors(folder: Path, shards: list[Path], wanted: Kind) -> WeightFiles:
    config = "adapter_config.json" if wanted == "adapter" else "config.json"
    if not (folder / config).is_file():
        raise WeightsError(f"`{folder}` has Safetensors files and no `{config}`")
    texts = [*folder.glob("*.json"), *folder.glob("*/*.json")]
    texts += [*folder.glob("tokenizer.model"), *folder.glob("*/tokenizer.model")][:1]
    for shard in shards:
        check_safetensors(_inside(folder, shard))
    return WeightFiles(_named(folder, [*shards, *sorted(texts)]), "safetensors")


def _gguf(place: Path, found: list[Path], wanted: Kind) -> WeightFiles:
    folder = place if place.is_dir() else place.parent
    kinds: dict[Path, Kind] = {}
    for path in found:
        head = read_gguf(_inside(folder, path) if place.is_dir() else path)
        if head.parts > 1:
            raise WeightsError(
                f"`{path}` is one of {head.parts} parts, which Ollama does not take: join them with "
                "`llama-gguf-split --merge`"
            )
        kinds[path] = head.kind
    chosen = [path for path, kind in kinds.items() if kind == wanted]
    others = [path for path, kind in kinds.items() if kind == "projector" and wanted == "model"]
    if not chosen:
        said = ", ".join(f"`{path.name}` is of kind {kind}" for path, kind in kinds.items())
        raise WeightsError(f"no GGUF of kind {wanted} in `{place}`: {said}")
    if len(chosen) > 1 or len(others) > 1:
        names = ", ".join(f"`{path.name}`" for path in (chosen if len(chosen) > 1 else others))
        raise WeightsError(f"`{place}` has more than one model to choose from: {names}; give the path of one file")
    return WeightFiles(_named(folder, [*chosen, *others]), "gguf")


def _named(folder: Path, paths: Iterable[Path]) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): _inside(folder, path) for path in paths if path.is_file()}


def _inside(folder: Path, path: Path) -> Path:
    # A link in a volume of others could name any file that we may read, such as a token.
    real = path.resolve()
    if not real.is_relative_to(folder.resolve()):
        raise WeightsError(f"`{path}` is a link out of its folder, to `{real}`: put the file itself there")
    return real


async def stamp(path: Path, known: Iterable[FileStamp], on_bytes: Callable[[int], None]) -> FileStamp:
    """Return a file's stamp; its content is read only when none of `known` is of the same size and time."""
    before = await asyncio.to_thread(path.stat)
    for old in known:
        if (old.path, old.size, old.mtime_ns) == (str(path), before.st_size, before.st_mtime_ns):
            return old
    digest = hashlib.sha256()
    async for piece in pieces(path):
        await asyncio.to_thread(digest.update, piece)
        on_bytes(len(piece))
    return FileStamp(str(path), before.st_size, before.st_mtime_ns, f"sha256:{digest.hexdigest()}")


async def pieces(path: Path) -> AsyncGenerator[bytes]:
    """Yield a file's content, read beside the event loop."""
    file = await asyncio.to_thread(_open, path)
    try:
        while piece := await asyncio.to_thread(file.read, _PIECE):
            yield piece
    finally:
        file.close()


def _open(path: Path) -> BinaryIO:
    return path.open("rb")
