"""Memories and questions made up for measuring: clustered vectors, and words as often as in real texts."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
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

    @functools.cache  # noqa: B019  (a bench has two loads)
    def _centres(self) -> NDArray[np.float32]:
        return np.random.default_rng(self.seed).normal(size=(_CLUSTERS, WIDTH)).astype(np.float32)

    def batches(self, size: int = 1_000, *, start: int = 0) -> Iterator[list[NewMemory]]:
        """The memories from ``start`` on, with vectors around the centres and words by Zipf's law."""
        for first in range(start, self.count, size):
            number = min(size, self.count - first)
            vectors, words = self.batch(first, number)
            yield [
                NewMemory(
                    content=" ".join(f"word{word}" for word in row),
                    embedding=vector,
                    idempotency_key=f"{self.seed}-{first + i}",
                    source_ids=[f"{first + i}"],
                    session=f"s{(first + i) // 20}",
                    tags=["rare"] if (first + i) % 1_000 == 0 else [],
                )
                for i, (vector, row) in enumerate(zip(vectors, words, strict=True))
            ]

    def batch(self, first: int, number: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Vectors and words of some memories; the same whichever came before, so that a load can be gone on with."""
        rng = np.random.default_rng((self.seed, first))
        return self._around(rng, self._centres(), number), self._words(rng, number)

    def nearest(self, questions: Sequence[NDArray[np.float32]], number: int, *, size: int = 1_000) -> list[set[int]]:
        """The places of the memories nearest to each question by cosine, every one looked at."""
        asked = np.stack([one / np.linalg.norm(one) for one in questions])
        best = np.full((len(asked), number), -2.0, np.float32)
        places = np.full((len(asked), number), -1, np.int64)
        for first in range(0, self.count, size):
            vectors, _ = self.batch(first, min(size, self.count - first))
            cosines = asked @ (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).T
            every = np.concatenate([best, cosines], axis=1)
            named = np.concatenate([places, np.tile(np.arange(first, first + len(vectors)), (len(asked), 1))], axis=1)
            kept = np.argpartition(-every, number - 1, axis=1)[:, :number]
            best, places = np.take_along_axis(every, kept, 1), np.take_along_axis(named, kept, 1)
        return [set(map(int, row)) for row in places]

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
