"""The head of a GGUF file: what a model's config says about its weights."""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

__all__ = ["GgufError", "GgufHead", "read_head"]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
# By the format's numbers for value types: format of `struct`.
_SCALARS = MappingProxyType(
    {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
)
_STRING, _ARRAY = 8, 9
_MAX_STRING = 1 << 26
_MAX_COUNT = 1 << 24
_MAX_DIMENSIONS = 8
_THOUSAND, _MILLION, _BILLION = 10**3, 10**6, 10**9

# `general.file_type`, as Ollama 0.17.4 names it (fs/ggml/type.go).
_FILE_TYPES = MappingProxyType(
    {
        0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 4: "MXFP4", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
        11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M",
        18: "Q6_K", 21: "Q2_K_S", 32: "BF16",
    }
)  # fmt: skip


class GgufError(Exception):
    """Not a GGUF file, or one that is cut short."""


@dataclass(frozen=True)
class GgufHead:
    """What the head says.

    Attributes:
        architecture: Such as ``llama``; ``clip`` for the projector of a model that sees.
        kind: ``general.type``: ``model`` where it says nothing, ``adapter`` for LoRA.
        file_type: Such as ``Q4_K_M``, or ``unknown``.
        parameters: How many weights.
        parts: Of a model that is split over files; 1 for a whole one.
    """

    architecture: str
    kind: str
    file_type: str
    parameters: int
    parts: int

    @property
    def size_label(self) -> str:
        """The number of weights as Ollama shows it: ``135M``, ``3.2B``."""
        count = self.parameters
        if count >= _BILLION:
            return f"{count / _BILLION:.{0 if count % _BILLION == 0 else 1}f}B"
        if count >= _MILLION:
            return f"{count / _MILLION:.{0 if count % _MILLION == 0 else 2}f}M"
        return f"{count / _THOUSAND:.0f}K" if count >= _THOUSAND else str(count)


def read_head(path: Path) -> GgufHead:
    """Read a file's head. Blocking.

    Raises:
        GgufError: When it is no GGUF file, or ends within its head.
        OSError: When it cannot be read.
    """
    with path.open("rb") as file:
        try:
            return _Reader(file).head()
        except (struct.error, UnicodeDecodeError, _BrokenError) as error:
            raise GgufError(f"{path} is no whole GGUF file: {error}") from error


class _BrokenError(Exception):
    pass


class _Reader:
    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def head(self) -> GgufHead:
        magic = self._file.read(len(_MAGIC))
        if magic != _MAGIC:
            raise _BrokenError(f"it begins with {magic!r} instead of {_MAGIC!r}")
        version = self._number("<I")
        if version not in _VERSIONS:
            raise _BrokenError(f"version {version} is not {' or '.join(map(str, _VERSIONS))}")
        tensors, count = self._count(), self._count()
        values: dict[str, object] = {}
        for _ in range(count):
            key = self._text()
            values[key] = self._value(int(self._number("<I")))
        parameters = sum(self._tensor() for _ in range(tensors))
        return GgufHead(
            architecture=str(values.get("general.architecture", "unknown")),
            kind=str(values.get("general.type", "model")),
            file_type=_FILE_TYPES.get(_whole(values, "general.file_type", -1), "unknown"),
            parameters=parameters,
            parts=_whole(values, "split.count", 1),
        )

    def _number(self, form: str) -> int | float | bool:
        return struct.unpack(form, self._file.read(struct.calcsize(form)))[0]

    def _count(self) -> int:
        count = int(self._number("<Q"))
        if count > _MAX_COUNT:
            raise _BrokenError(f"it announces {count} entries")
        return count

    def _text(self) -> str:
        return self._bytes().decode()

    def _bytes(self) -> bytes:
        length = int(self._number("<Q"))
        if length > _MAX_STRING:
            raise _BrokenError(f"it announces a text of {length} bytes")
        data = self._file.read(length)
        if len(data) != length:
            raise _BrokenError("it ends within a text")
        return data

    def _value(self, kind: int) -> object:
        """A value; of arrays, which may be long, nothing is kept."""
        if kind in _SCALARS:
            return self._number(_SCALARS[kind])
        if kind == _STRING:
            return self._bytes().decode("utf-8", "replace")
        if kind != _ARRAY:
            raise _BrokenError(f"it has a value of type {kind}, which is none")
        inner, count = int(self._number("<I")), self._count()
        if inner in _SCALARS:
            self._file.seek(struct.calcsize(_SCALARS[inner]) * count, 1)
        else:
            for _ in range(count):
                self._value(inner)
        return None

    def _tensor(self) -> int:
        self._bytes()
        dimensions = int(self._number("<I"))
        if dimensions > _MAX_DIMENSIONS:
            raise _BrokenError(f"it has a tensor of {dimensions} dimensions")
        shape = [int(self._number("<Q")) for _ in range(dimensions)]
        self._number("<I")
        self._number("<Q")
        return math.prod(shape)


def _whole(values: Mapping[str, object], key: str, default: int) -> int:
    found = values.get(key)
    return found if isinstance(found, int) else default
