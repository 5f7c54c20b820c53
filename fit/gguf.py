"""The facts that the head of a GGUF file tells. Only the head is read, so that a file of 40 GB costs some megabytes.

The format is that of https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3.
"""

import struct
from typing import BinaryIO, cast

from fit.facts import Facts

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d"}
_MOST_KEYS = 100_000
_LONGEST = 2**26
"""Bytes of one text, and elements of one array: a damaged length would have all of a file read."""

Value = int | float | bool | str | list["Value"]


class GgufError(ValueError):
    """It is no GGUF file that can be understood; says why."""


class ShortError(GgufError):
    """Its head is longer than what is there."""


class _Counted(list[Value]):
    """An array whose elements nobody wants: its length alone."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length


def read(stream: BinaryIO, total: int) -> Facts:
    """The facts of the model in `stream`.

    Args:
        stream: at the file's beginning.
        total: bytes of the whole file.

    Raises:
        ShortError: the stream ends before the head does.
        GgufError: it is no GGUF file of version 2 or 3, or lacks what its memory depends on.
    """
    head = _Reader(stream)
    if head.take(4) != _MAGIC:
        raise GgufError("is no GGUF file: it does not begin with `GGUF`")
    version = head.number("<I")
    if version not in _VERSIONS:
        raise GgufError(f"is of GGUF version {version}; 2 and 3 are understood")
    head.number("<Q")
    count = head.number("<Q")
    if count > _MOST_KEYS:
        raise GgufError(f"says that it has {count} keys, so it is damaged")
    values: dict[str, Value] = {}
    for _ in range(count):
        key = head.text()
        values[key] = head.value(head.number("<I"))
    return _facts(values, total)


class _Reader:
    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def take(self, size: int) -> bytes:
        if size > _LONGEST:
            raise GgufError("has a length in it that no file has, so it is damaged")
        got = self._stream.read(size)
        if len(got) < size:
            raise ShortError("ends in the middle of its head")
        return got

    def number(self, form: str) -> int:
        return int(struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def text(self) -> str:
        return self.take(self.number("<Q")).decode(errors="replace")

    def value(self, kind: int) -> Value:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self._array()
        form = _SCALARS.get(kind)
        if form is None:
            raise GgufError(f"has a value of type {kind}, which is not known")
        return cast("Value", struct.unpack(form, self.take(struct.calcsize(form)))[0])

    def _array(self) -> Value:
        kind, length = self.number("<I"), self.number("<Q")
        if length > _LONGEST:
            raise GgufError("has a length in it that no file has, so it is damaged")
        if kind == _ARRAY:
            # No model has them, and a thousand of them inside one another would end the reader.
            raise GgufError("has lists in a list, which are not understood")
        if kind == _STRING:
            for _ in range(length):
                self.take(self.number("<Q"))
            return _Counted(length)
        return [self.value(kind) for _ in range(length)]


def _facts(values: dict[str, Value], total: int) -> Facts:
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str):
        raise GgufError("does not say its architecture (`general.architecture`)")
    missing: list[str] = []

    def number(key: str, default: int | None = None) -> int:
        found = values.get(f"{architecture}.{key}", default)
        if isinstance(found, list):
            # One number a layer, as some architectures have it: the largest keeps the estimate above what is used.
            found = max((one for one in found if isinstance(one, int)), default=None)
        if not isinstance(found, int):
            missing.append(f"{architecture}.{key}")
            return 1
        return found

    heads = number("attention.head_count")
    embedding = number("embedding_length")
    key_size = number("attention.key_length", embedding // max(1, heads))
    tokens = values.get("tokenizer.ggml.tokens")
    vocabulary = tokens.length if isinstance(tokens, _Counted) else number("vocab_size")
    window = values.get(f"{architecture}.attention.sliding_window")
    facts = Facts(
        weights=total,
        layers=number("block_count"),
        heads=heads,
        kv_heads=number("attention.head_count_kv", heads),
        head_size=key_size,
        value_size=number("attention.value_length", key_size),
        embedding=embedding,
        vocabulary=vocabulary,
        context=number("context_length"),
        architecture=architecture,
        # Ollama 0.17.4 counts a window for these two alone (fs/ggml/ggml.go); others keep everything.
        window=window if architecture in _FULL_EVERY and isinstance(window, int) else None,
        full_every=_FULL_EVERY.get(architecture, 1),
    )
    if missing:
        raise GgufError(f"does not say {', '.join(missing)}")
    return facts


_FULL_EVERY = {"gemma3": 6, "gptoss": 2, "gpt-oss": 2}
