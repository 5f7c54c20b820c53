"""What turns text into vectors."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from typing import Protocol, cast

import numpy as np
from numpy.typing import NDArray

from echo.memory.errors import EmbedderError
from ollama import OllamaClient, OllamaError

Vector = NDArray[np.float32]


class Embedder(Protocol):
    """Turns texts into vectors of one width; the same text always becomes the same vector."""

    @property
    def model(self) -> str:
        """The model's name; a space takes vectors of one model only."""
        ...

    @property
    def width(self) -> int:
        """Dimensions of its vectors."""
        ...

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector for each text, in their order."""
        ...


class OllamaEmbedder:
    """An embedding model on an Ollama server."""

    def __init__(self, client: OllamaClient, model: str, width: int, *, batch: int = 64) -> None:
        """Prepare it.

        Args:
            client: of the server, which has the model.
            model: such as ``all-minilm:22m``.
            width: the dimensions that the model gives: 384 for that one.
            batch: texts in one request.
        """
        self._client = client
        self._model = model
        self._width = width
        self._batch = batch

    @property
    def model(self) -> str:
        """The model's name on the server."""
        return self._model

    @property
    def width(self) -> int:
        """Dimensions of its vectors."""
        return self._width

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Ask the server, some texts at a time.

        Raises:
            EmbedderError: the server refused or could not be reached.
        """
        found: list[list[float]] = []
        try:
            for start in range(0, len(texts), self._batch):
                found += await self._client.embed(self._model, texts[start : start + self._batch])
        except OllamaError as error:
            raise EmbedderError(f"{self._model} made no embedding: {error}") from error
        return found


class HashEmbedder:
    """Vectors from the hashes of a text's words and their letter triples: no model, no meaning, always the same.

    Texts that share words come out near each other. For tests, and for a space that is searched by words alone.
    """

    def __init__(self, width: int = 64) -> None:
        self._width = width

    @property
    def model(self) -> str:
        """Its name, with the width that changes the vectors."""
        return f"hash-{self._width}"

    @property
    def width(self) -> int:
        """Dimensions of its vectors."""
        return self._width

    async def embed(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """One vector of length 1 for each text."""
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> list[float]:
        sums = [0.0] * self._width
        words = re.findall(r"\w+", text.lower())
        for word in words or [text]:
            for part in (word, *(word[i : i + 3] for i in range(len(word) - 2))):
                digest = hashlib.blake2b(part.encode("utf-8", "replace"), digest_size=8).digest()
                number = int.from_bytes(digest, "big")
                sums[number % self._width] += 1.0 if number >> 63 else -1.0
        length = math.sqrt(sum(value * value for value in sums))
        # Opposite hashes can cancel out; a vector of zeros has no direction and no cosine.
        return [value / length for value in sums] if length > 0 else [1.0, *sums[1:]]


async def vectors_of(embedder: Embedder, texts: Sequence[str]) -> list[Vector]:
    """The embedder's vectors, checked.

    Raises:
        EmbedderError: too few, of another width, not finite or of length 0.
    """
    if not texts:
        return []
    found = await embedder.embed(texts)
    if len(found) != len(texts):
        raise EmbedderError(f"{embedder.model} gave {len(found)} vectors for {len(texts)} texts")
    checked: list[Vector] = []
    for one in found:
        vector = np.asarray(one, dtype=np.float32)
        problem = vector_problem(vector, embedder.width)
        if problem is not None:
            raise EmbedderError(f"{embedder.model} gave a vector that cannot be stored: {problem}")
        checked.append(vector)
    return checked


def vector_problem(vector: Vector, width: int) -> str | None:
    """What is wrong with a vector; None where it can be stored."""
    if vector.ndim != 1 or vector.shape[0] != width:
        shape = "x".join(str(size) for size in cast("tuple[int, ...]", vector.shape))
        return f"it has {shape or 'no'} dimensions, the space's vectors have {width}"
    if not bool(np.isfinite(vector).all()):
        return "it holds NaN or infinity, or a number too large for 32 bits"
    # As the index holds it: in 16 bits a vector this short becomes zero, which has no cosine.
    if float(np.abs(vector).max()) < _SMALLEST or float(np.abs(vector).max()) > _LARGEST:
        return f"its largest number must be between {_SMALLEST} and {_LARGEST:g} in size, so that a cosine can be taken"
    return None


_SMALLEST = 1e-4
_LARGEST = 6e4
