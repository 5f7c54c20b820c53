"""Memories and questions made up for measuring: clustered vectors, and words as often as in real texts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echo.memory import NewMemory

WIDTH = 384
_CLUSTERS = 1_000
_VOCABULARY = 50_000
_WORDS = 20
_SPREAD = 0.9


@dataclass(frozen=True)
class Load:
    """Some number of memories, the same for the same seed."""

    count: int
    seed: int = 1

    def _centres(self) -> NDArray[np.float32]:
        return np.random.default_rng(self.seed).normal(size=(_CLUSTERS, WIDTH)).astype(np.float32)

    def batches(self, size: int = 1_000) -> Iterator[list[NewMemory]]:
        """The memories, with vectors around the centres and words by Zipf's law."""
        centres = self._centres()
        rng = np.random.default_rng(self.seed + 1)
        for start in range(0, self.count, size):
            number = min(size, self.count - start)
            vectors = self._around(rng, centres, number)
            words = self._words(rng, number)
            yield [
                NewMemory(
                    content=" ".join(f"word{word}" for word in row),
                    embedding=vector,
                    idempotency_key=f"{start + i}",
                    session=f"s{(start + i) // 20}",
                    tags=["rare"] if (start + i) % 1_000 == 0 else [],
                )
                for i, (vector, row) in enumerate(zip(vectors, words, strict=True))
            ]

    def questions(self, number: int) -> list[tuple[str, NDArray[np.float32]]]:
        """Questions of six words each, with vectors from the same clusters."""
        rng = np.random.default_rng(self.seed + 2)
        vectors = self._around(rng, self._centres(), number)
        words = self._words(rng, number)[:, :6]
        texts = [" ".join(f"word{word}" for word in row) for row in words]
        return list(zip(texts, vectors, strict=True))

    @staticmethod
    def _around(rng: np.random.Generator, centres: NDArray[np.float32], number: int) -> NDArray[np.float32]:
        chosen = centres[rng.integers(0, len(centres), number)]
        noise = rng.normal(size=(number, WIDTH)).astype(np.float32)
        return (chosen + _SPREAD * noise).astype(np.float32)

    @staticmethod
    def _words(rng: np.random.Generator, number: int) -> NDArray[np.int64]:
        # Zipf's law with exponent 1 over the vocabulary, by its inverse.
        return (np.exp(rng.random((number, _WORDS)) * np.log(_VOCABULARY))).astype(np.int64)
