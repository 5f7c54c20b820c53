"""Read the heads of weights files, so that a wrong file is refused before gigabytes of it are sent."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

Kind = Literal["model", "adapter", "projector"]

_GGUF = b"GGUF"
_LFS = b"version https://git-lfs"
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
_STRING, _ARRAY = 8, 9
_INTEGERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 10: "Q", 11: "q"}
# What a sound file has is far below; a damaged count must not keep us reading for ever.
_MOST_KEYS, _MOST_TEXT, _MOST_HEADER = 100_000, 64 * 1024 * 1024, 256 * 1024 * 1024


class WeightsError(ValueError):
    """A file is not what it should be; the message says what it is."""


@dataclass(frozen=True)
class GgufHead:
    """What a GGUF file says of itself.

    Attributes:
        architecture: such as `llama`; empty where it does not say.
        kind: of weights.
        parts: how many files the model is split into.
    """

    architecture: str
    kind: Kind
    parts: int


def read_gguf(path: Path) -> GgufHead:
    """Return a GGUF file's head.

    Raises:
        WeightsError: it is no GGUF, or is cut short.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        magic = file.read(len(_LFS))
        if magic[: len(_GGUF)] != _GGUF:
            raise WeightsError(_what(path, magic, "GGUF"))
        file.seek(len(_GGUF))
        try:
            (version,) = struct.unpack("<I", _exactly(file, 4))
            if version not in (2, 3):
                raise WeightsError(f"`{path}` is GGUF of version {version}, not 2 or 3 with the low byte first")
            _, count = struct.unpack("<QQ", _exactly(file, 16))
            said = _said(file, count)
        except EOFError as error:
            raise WeightsError(f"`{path}` is cut short: a GGUF file that ends inside its head") from error
    return _head(said)


def _head(said: dict[str, str | int]) -> GgufHead:
    architecture = str(said.get("general.architecture", ""))
    kind: Kind = "model"
    if said.get("general.type") == "adapter":
        kind = "adapter"
    elif said.get("general.type") in ("projector", "mmproj") or architecture == "clip":
        kind = "projector"
    return GgufHead(architecture, kind, int(said.get("split.count", 1)))


def check_safetensors(path: Path) -> None:
    """Check that a file begins like a Safetensors file and is as long as its head says.

    Raises:
        WeightsError: it is none, or is cut short.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        begin = file.read(len(_LFS))
        size = path.stat().st_size
        # The length of a JSON object, and the object.
        length = int.from_bytes(begin[:8], "little")
        if begin[8:9] != b"{" or length > _MOST_HEADER:
            raise WeightsError(_what(path, begin, "Safetensors"))
        if 8 + length > size:
            raise WeightsError(f"`{path}` is cut short: a Safetensors file that ends inside its head")


def _said(file: BinaryIO, count: int) -> dict[str, str | int]:
    if count > _MOST_KEYS:
        raise EOFError
    said: dict[str, str | int] = {}
    for _ in range(count):
        key = _text(file)
        (kind,) = struct.unpack("<I", _exactly(file, 4))
        if kind == _STRING:
            said[key] = _text(file)
        elif kind == _ARRAY:
            _skip_array(file)
        elif kind in _INTEGERS:
            said[key] = struct.unpack(f"<{_INTEGERS[kind]}", _exactly(file, _SIZES[kind]))[0]
        elif kind in _SIZES:
            _exactly(file, _SIZES[kind])
        else:
            raise EOFError
    return said


def _skip_array(file: BinaryIO) -> None:
    kind, length = struct.unpack("<IQ", _exactly(file, 12))
    if kind in _SIZES:
        file.seek(length * _SIZES[kind], 1)
    elif kind == _STRING:
        for _ in range(length):
            (size,) = struct.unpack("<Q", _exactly(file, 8))
            file.seek(size, 1)
    else:
        raise EOFError


def _text(file: BinaryIO) -> str:
    (size,) = struct.unpack("<Q", _exactly(file, 8))
    if size > _MOST_TEXT:
        raise EOFError
    return _exactly(file, size).decode(errors="replace")


def _exactly(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise EOFError
    return data


def _what(path: Path, begin: bytes, wanted: str) -> str:
    if begin.startswith(_LFS):
        return f"`{path}` is a Git LFS pointer, not the file itself"
    if not begin:
        return f"`{path}` is empty"
    return f"`{path}` is no {wanted} file: it begins with {begin[:8]!r}"
