"""A model on disk, as the layers of an Ollama manifest: a GGUF file, or a folder with one and what belongs to it.

In a folder: the weights and, where there are some, a projector (``clip``, or ``mmproj`` in its name) and LoRA
adapters, all GGUF; and the files ``template``, ``system``, ``params`` (JSON), ``messages`` (JSON) and ``license``,
each of which becomes the layer of its name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from model_store.gguf import GgufError, GgufHead, read_head
from model_store.manifests import DOCKER_MANIFEST

__all__ = ["Layer", "Package", "PackageError", "read_package"]

_CONFIG = "application/vnd.docker.container.image.v1+json"
_TEXTS = ("template", "system", "params", "messages", "license")
_JSON = MappingProxyType({"params": dict, "messages": list})
_CHUNK = 8 << 20
_MAX_TEXT = 1 << 20


class PackageError(Exception):
    """No model that can be pushed; the message says what is expected."""


@dataclass(frozen=True)
class Layer:
    """One blob to push.

    Attributes:
        media_type: As Ollama names its layers.
        digest: ``sha256:<hex>``.
        size: Bytes.
        source: The file, or the bytes themselves.
    """

    media_type: str
    digest: str
    size: int
    source: Path | bytes

    @property
    def label(self) -> str:
        """For people: the file's name, or the kind of layer."""
        return self.source.name if isinstance(self.source, Path) else self.media_type.rpartition(".")[2]

    @property
    def entry(self) -> dict[str, object]:
        """As the manifest names it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size}


@dataclass(frozen=True)
class Package:
    """A manifest and its blobs, the config last."""

    layers: tuple[Layer, ...]
    manifest: bytes

    @property
    def digest(self) -> str:
        """Of the manifest: what Ollama lists as the model's digest."""
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(layer.size for layer in self.layers)


def read_package(path: Path, on_bytes: Callable[[Path, int, int], None] | None = None) -> Package:
    """Hash a model's files and write its manifest. Blocking: as long as reading the files takes.

    Args:
        path: A GGUF file, or a folder.
        on_bytes: Told file, bytes hashed so far, and its size.

    Raises:
        PackageError: When it is no model that Ollama could run as it is.
        OSError: When a file cannot be read.
    """
    files = [path] if path.is_file() else _gguf_files(path)
    heads = [(file, _head(file)) for file in files]
    split = [file.name for file, head in heads if head.parts > 1]
    if split:
        raise PackageError(
            f"{', '.join(split)}: parts of a split model, which Ollama does not put together; merge them first "
            "(llama-gguf-split --merge)"
        )
    kinds = [(file, head, _kind(file, head)) for file, head in heads]
    weights = [(file, head) for file, head, kind in kinds if kind == "model"]
    if len(weights) != 1:
        found = ", ".join(file.name for file, _ in weights) or "none"
        raise PackageError(f"{path} has {len(weights)} models ({found}); exactly one is expected: name the file itself")
    # The weights first, as Ollama writes them.
    ordered = sorted(kinds, key=lambda one: (one[2] != "model", one[2], one[0].name))
    layers = [_file_layer(file, kind, on_bytes) for file, _, kind in ordered]
    if path.is_dir():
        layers += _text_layers(path)
    config = _config(weights[0][1], layers)
    document = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST,
        "config": config.entry,
        "layers": [layer.entry for layer in layers],
    }
    # As Ollama writes it after a pull, byte for byte, so that the digest it lists is the one we tell.
    return Package((*layers, config), json.dumps(document, separators=(",", ":")).encode())


def _gguf_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise PackageError(f"{folder} is neither a GGUF file nor a folder with one")
    found = sorted(folder.glob("*.gguf"))
    if not found and any(folder.glob("*.safetensors")):
        raise PackageError(
            f"{folder} has Safetensors, which Ollama converts: give the folder as `create.files` of a model instead"
        )
    return found


def _head(file: Path) -> GgufHead:
    try:
        return read_head(file)
    except GgufError as error:
        raise PackageError(str(error)) from error


def _kind(file: Path, head: GgufHead) -> str:
    if head.kind == "adapter":
        return "adapter"
    return "projector" if head.architecture == "clip" or "mmproj" in file.name.lower() else "model"


def _file_layer(file: Path, kind: str, on_bytes: Callable[[Path, int, int], None] | None) -> Layer:
    total, done = file.stat().st_size, 0
    seen = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(_CHUNK):
            seen.update(piece)
            done += len(piece)
            if on_bytes is not None:
                on_bytes(file, done, total)
    return Layer(f"application/vnd.ollama.image.{kind}", f"sha256:{seen.hexdigest()}", done, file)


def _text_layers(folder: Path) -> list[Layer]:
    layers: list[Layer] = []
    for kind in _TEXTS:
        file = folder / kind
        if not file.is_file():
            continue
        if file.stat().st_size > _MAX_TEXT:
            raise PackageError(f"{file} is larger than 1 MiB")
        data = file.read_bytes()
        shape = _JSON.get(kind)
        if shape is not None:
            try:
                right = isinstance(json.loads(data), shape)
            except ValueError as error:
                raise PackageError(f"{file} is not JSON: {error}") from error
            if not right:
                raise PackageError(f"{file} must hold a JSON {'object' if shape is dict else 'list'}")
        layers.append(_bytes_layer(f"application/vnd.ollama.image.{kind}", data))
    return layers


def _bytes_layer(media_type: str, data: bytes) -> Layer:
    return Layer(media_type, f"sha256:{hashlib.sha256(data).hexdigest()}", len(data), data)


def _config(head: GgufHead, layers: Sequence[Layer]) -> Layer:
    document = {
        "model_format": "gguf",
        "model_family": head.architecture,
        "model_families": [head.architecture],
        "model_type": head.size_label,
        "file_type": head.file_type,
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in layers]},
    }
    return _bytes_layer(_CONFIG, json.dumps(document).encode())
